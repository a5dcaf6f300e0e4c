#pragma once

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/models/networks.h"

namespace obverse {

// The networks of each file, as rows of the tables in zoo.cpp.
NetworkRow<Generator> mlp_generator();
NetworkRow<Discriminator> mlp_discriminator();
NetworkRow<Encoder> mlp_encoder();
NetworkRow<JointDiscriminator> mlp_joint_discriminator();
NetworkRow<Generator> dcgan_generator();
NetworkRow<Discriminator> dcgan_discriminator();
NetworkRow<Encoder> dcgan_encoder();
NetworkRow<JointDiscriminator> dcgan_joint_discriminator();
NetworkRow<Generator> r3gan_generator();
NetworkRow<Discriminator> r3gan_discriminator();
NetworkRow<Encoder> r3gan_encoder();
NetworkRow<Generator> sngan_generator();
NetworkRow<Generator> sagan_generator();
NetworkRow<Discriminator> sngan_discriminator();
NetworkRow<Discriminator> sagan_discriminator();
NetworkRow<Generator> stylegan2_generator();
NetworkRow<Discriminator> stylegan2_discriminator();
NetworkRow<Generator> progressive_generator();
NetworkRow<Discriminator> progressive_discriminator();

/// The row of an architecture `Net(const NetOptions&, const NetworkShape&, Rng&)` in the role of `Role`.
template <class Role, class Net, class NetOptions>
NetworkRow<Role> network_row(std::string name, std::string source) {
  return {std::move(name), std::move(source),
          []() -> std::shared_ptr<Options> { return std::make_shared<NetOptions>(); },
          [](const Options& options, const NetworkShape& shape, Rng& rng) -> std::shared_ptr<Role> {
            return std::make_shared<Net>(dynamic_cast<const NetOptions&>(options), shape, rng);
          }};
}

/// Throws UserError when the data are not images. architecture: its name in messages.
void need_images(const char* architecture, const NetworkShape& shape);

/// Throws UserError when height or width of {C, H, W} is odd: they are to be halved once more. key: the option at
/// fault.
void need_even_sides(const char* architecture, const std::vector<int64_t>& shape, const char* key);

}  // namespace obverse
