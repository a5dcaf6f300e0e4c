#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "obverse/io/image.h"
#include "obverse/io/safetensors.h"

namespace obverse {

/// A run folder that a test fills.
class RunFixture : public ::testing::Test {
 protected:
  RunFixture() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    run_ = ::testing::TempDir() + "obverse-report/" + info->test_suite_name() + "." + info->name() + "/00003-run";
    std::filesystem::remove_all(run_);
    std::filesystem::create_directories(run_);
  }
  ~RunFixture() override { std::filesystem::remove_all(std::filesystem::path(run_).parent_path()); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(run_ + "/" + name).parent_path());
    std::ofstream(run_ + "/" + name, std::ios::binary) << text;
  }

  /// A grid of `rows` x `columns` grey cells of 4 x 4, each of its own grey.
  void write_grid(const std::string& name, int64_t rows, int64_t columns) const {
    std::filesystem::create_directories(std::filesystem::path(run_ + "/" + name).parent_path());
    const at::Tensor greys = at::arange(rows * columns, at::kByte).view({-1, 1, 1, 1}).expand({-1, 1, 4, 4});
    write_png(run_ + "/" + name, tile_images(greys.contiguous(), columns));
  }

  void write_model() const {
    write_safetensors(run_ + "/model.safetensors", {{"generator.weight", at::zeros({3, 5})}},
                      {{"domain", R"({"kind": "image", "shape": [1, 4, 4], "levels": 256, "classes": []})"}});
  }

  /// Everything a finished run has.
  void write_whole_run() const {
    write("recipe.toml",
          "name = \"rings\"\nabout = \"a test\"\n[train]\nkimg = 40.0\nseed = 3\n[game]\nkind = \"gan\"\n");
    for (int kimg = 1; kimg <= 40; ++kimg) write_figures(kimg);
    for (const char* name : {"reals.png", "fakes000000.png", "fakes000020.png", "fakes000040.png"})
      write_grid(name, 8, 12);
    write_grid("interpolations.png", 8, 12);
    write_model();
    write("metric-fid2k.jsonl",
          R"({"results": {"fid2k_c": 40.5}, "metric": "fid2k", "low": 38, "high": 43, "floor": 2, "n_real": 10000,)"
          R"( "n_fake": 2000, "features": "c", "features_hash": "0123456789ab", "protocol": "all", "kimg": 20})"
          "\n"
          R"({"results": {"fid2k_c": 12.5}, "metric": "fid2k", "low": 11, "high": 14, "floor": 2, "n_real": 10000,)"
          R"( "n_fake": 2000, "features": "c", "features_hash": "0123456789ab", "protocol": "all", "kimg": 40})"
          "\n");
    write("findings.jsonl",
          "{\"kimg\": 10, \"severity\": \"alarm\", \"cause\": \"non-finite values\", \"what\": \"a loss was NaN\", "
          "\"action\": \"rolled back\"}\n");
    for (const char* method : {"encode", "optimise"}) {
      const std::string folder = std::string("inversion-") + method;
      write(folder + "/summary.json", std::string("{\"method\": \"") + method +
                                          "\", \"images\": 16, \"mse_median\": 0.01, \"seconds_per_image\": 0.5, "
                                          "\"target\": \"rings test\", \"recovered_share\": null}");
      for (const char* picture : {"originals.png", "reconstructions.png", "errors.png"})
        write_grid(folder + "/" + picture, 2, 8);
    }
    write_applications();
  }

  /// What applications leave in a run's folder.
  void write_applications() const {
    write("anomaly-elbo/summary.json",
          R"({"method": "elbo", "data": "rings", "samples": 90, "alarms": 7, "threshold_": 2.5,)"
          R"( "detection": {"auroc": {"value": 0.875, "low": 0.85, "high": 0.9}}, "seconds_per_sample": 0.01,)"
          R"( "histogram": {"low": 0, "high": 4, "held_out": [0.75, 0.25], "normal": [0.5, 0.5]}})");
    write_grid("anomaly-elbo/strangest.png", 2, 8);
    write("probe/summary.json",
          R"({"data": "rings", "probes": [{"name": "pixels", "width": 16, "nearest": {"value": 0.625},)"
          R"( "few": [{"labels": 10, "mean": 0.5, "std": 0.1}, {"labels": 100, "mean": 0.6, "std": 0.05}]}]})");
    write_grid("probe/map-pca.png", 2, 8);
    write("edit-sefa/summary.json",
          R"({"kind": "sefa", "directions": [{"direction": "sefa0", "target": "coat", "gain": 0.125, "kept": 0.75,)"
          R"( "others": null}]})");
    write_grid("edit-sefa/overview.png", 2, 7);
    write(
        "compress/summary.json",
        R"({"kind": "lossy", "images": 64, "bytes": 3264, "bits_per_dim": 0.5204, "rates": [{"bytes": 10, "psnr": 15.25},)"
        R"( {"bytes": 50, "psnr": 21.5}]})");
    write_grid("compress/rates.png", 3, 12);
  }

  void write_figures(int kimg) const {
    std::ofstream(run_ + "/stats.jsonl", std::ios::app)
        << "{\"Loss/D/loss\": {\"num\": 1, \"mean\": " << 1.0 / kimg
        << ", \"std\": 0}, \"Progress/kimg\": {\"num\": 1, \"mean\": " << kimg
        << ", \"std\": 0}, \"timestamp\": " << 1000 + kimg << "}\n";
  }

  std::string run_;
};

}  // namespace obverse
