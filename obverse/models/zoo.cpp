#include "obverse/models/zoo.h"

namespace obverse {

const std::vector<NetworkRow<Generator>>& generator_table() {
  static const std::vector<NetworkRow<Generator>> table = {
      mlp_generator(),   dcgan_generator(),     r3gan_generator(),      sngan_generator(),
      sagan_generator(), stylegan2_generator(), progressive_generator()};
  return table;
}

const std::vector<NetworkRow<Discriminator>>& discriminator_table() {
  static const std::vector<NetworkRow<Discriminator>> table = {
      mlp_discriminator(),   dcgan_discriminator(),     r3gan_discriminator(),      sngan_discriminator(),
      sagan_discriminator(), stylegan2_discriminator(), progressive_discriminator()};
  return table;
}

const std::vector<NetworkRow<Encoder>>& encoder_table() {
  static const std::vector<NetworkRow<Encoder>> table = {mlp_encoder(), dcgan_encoder(), r3gan_encoder()};
  return table;
}

const std::vector<NetworkRow<JointDiscriminator>>& joint_discriminator_table() {
  static const std::vector<NetworkRow<JointDiscriminator>> table = {mlp_joint_discriminator(),
                                                                    dcgan_joint_discriminator()};
  return table;
}

void need_images(const char* architecture, const NetworkShape& shape) {
  if (shape.domain.kind != Domain::Kind::image)
    fail("{} works on images, the data are points of {} numbers: use kind = \"mlp\"", architecture,
         shape.domain.shape.at(0));
}

void need_even_sides(const char* architecture, const std::vector<int64_t>& shape, const char* key) {
  if (shape[1] % 2 != 0 || shape[2] % 2 != 0)
    fail("{}: {}x{} pixels cannot be halved: lower `{}`, or resize the data by data.size", architecture, shape[1],
         shape[2], key);
}

}  // namespace obverse
