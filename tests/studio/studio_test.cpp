#include "obverse/studio/studio.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "../program.h"
#include "../refusal.h"
#include "../temporary_folder.h"
#include "obverse/io/image.h"
#include "obverse/report/format.h"
#include "obverse/studio/web_files.h"

namespace obverse {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr const char* kImages =
    "name = 'm'\nabout = 'tiny'\n[data]\nlimit = 500\n[game]\nz_dim = 6\nconditional = true\n[generator]\nkind = "
    "'mlp'\n"
    "widths = [16]\n[discriminator]\nkind = 'mlp'\nwidths = [16]\n[train]\nkimg = 0.1\nbatch = 10\nmonitors = false\n"
    "[eval]\nmetrics = []\n";

// A studio over a folder with one run, m, and what a browser would do.
class StudioTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    std::ofstream(folder_->file("m.toml")) << kImages;
    testing::Program train({"train", folder_->file("m.toml"), "--out", folder_->file("runs"), "--quiet"},
                           folder_->file("log"));
    ASSERT_EQ(train.wait(), 0) << train.err();
    studio_ = new Studio({folder_->file("runs"), folder_->path(), "127.0.0.1", 0, OBVERSE_PROGRAM});
    port_ = studio_->bind();
    serving_ = new std::thread([] { studio_->serve(); });
  }
  static void TearDownTestSuite() {
    studio_->stop();
    serving_->join();
    delete serving_;
    delete studio_;
    delete folder_;
  }

  static httplib::Client client() {
    httplib::Client c("127.0.0.1", port_);
    c.set_read_timeout(60);
    return c;
  }
  static json get(const std::string& path, int status = 200) {
    const auto response = client().Get(path.c_str());
    EXPECT_TRUE(response) << path;
    if (!response) return {};
    EXPECT_EQ(response->status, status) << path << " " << response->body;
    return json::parse(response->body, nullptr, false);
  }
  static json post(const std::string& path, const std::string& body, int status = 200) {
    const auto response = client().Post(path.c_str(), {{"X-Obverse", "test"}}, body, "application/json");
    EXPECT_TRUE(response) << path;
    if (!response) return {};
    EXPECT_EQ(response->status, status) << path << " " << response->body;
    return json::parse(response->body, nullptr, false);
  }
  static json runs() { return get("/api/runs")["runs"]; }
  static json jobs() { return get("/api/jobs")["jobs"]; }
  static std::string problem(const json& refused) { return refused.value("problem", ""); }
  static json job_of(int64_t id) {
    for (const json& job : jobs())
      if (job["id"] == id) return job;
    return {};
  }
  // The job, when it is over.
  static json ended(int64_t id) {
    for (int i = 0; i < 600; ++i) {
      for (const json& job : jobs())
        if (job["id"] == id && job["ended"] > 0) return job;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ADD_FAILURE() << "job " << id << " did not end";
    return {};
  }

  static TemporaryFolder* folder_;
  static Studio* studio_;
  static std::thread* serving_;
  static int port_;
};
TemporaryFolder* StudioTest::folder_ = nullptr;
Studio* StudioTest::studio_ = nullptr;
std::thread* StudioTest::serving_ = nullptr;
int StudioTest::port_ = 0;

TEST_F(StudioTest, SendsItsPages) {
  for (const WebFile& file : web_files()) {
    const auto response = client().Get(("/" + file.name).c_str());
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, file.text);
    EXPECT_EQ(response->get_header_value("Content-Type"), file.type);
  }
  EXPECT_THAT(client().Get("/")->body, HasSubstr("studio.js"));
  EXPECT_THAT(client().Get("/page.css")->body, HasSubstr("--paper"));
}

TEST_F(StudioTest, ListsRunsAndShowsTheirReports) {
  const json all = runs();
  const auto run = std::find_if(all.begin(), all.end(), [](const json& r) { return r["name"] == "00000-m"; });
  ASSERT_NE(run, all.end());
  EXPECT_EQ((*run)["about"], "tiny");
  EXPECT_EQ((*run)["game"], "gan");
  EXPECT_DOUBLE_EQ((*run)["kimg"], 0.1);
  EXPECT_DOUBLE_EQ((*run)["total_kimg"], 0.1);
  EXPECT_EQ((*run)["running"], false);
  EXPECT_EQ((*run)["model"], true);
  const std::string picture = (*run)["picture"];
  EXPECT_EQ(client().Get(("/runs/00000-m/" + picture).c_str())->body,
            testing::slurp(folder_->file("runs/00000-m/" + picture)));
  EXPECT_THAT(client().Get("/runs/00000-m/report")->body, HasSubstr("</html>"));
}

TEST_F(StudioTest, ARunBeingTrainedIsSeen) {
  std::ofstream(folder_->file("long.toml")) << kImages;
  testing::Program train({"train", folder_->file("long.toml"), "--out", folder_->file("runs"), "--quiet", "--set",
                          "name=long", "--set", "train.kimg=1e6"},
                         folder_->file("long"));
  const auto running = [&] {
    for (const json& run : runs())
      if (run["name"].get<std::string>().find("-long") != std::string::npos) return run["running"].get<bool>();
    return false;
  };
  for (int i = 0; i < 200 && !running(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(running());
  train.kill(SIGINT);
  train.wait();
  EXPECT_FALSE(running());
}

TEST_F(StudioTest, DecodesTheCodesOfItsSamples) {
  const json about = get("/api/models/00000-m");
  EXPECT_EQ(about["code"], 6);
  EXPECT_EQ(about["classes"].size(), 10u);
  EXPECT_EQ(about["conditional"], true);
  const json samples = get("/api/models/00000-m/samples?seed=3&count=4&class=2");
  EXPECT_EQ(samples["count"], 4);
  EXPECT_EQ(samples["labels"], json({2, 2, 2, 2}));
  const json again =
      post("/api/models/00000-m/decode", json{{"codes", samples["codes"]}, {"labels", {2, 2, 2, 2}}}.dump());
  EXPECT_EQ(again["png"], samples["png"]);
  const json other =
      post("/api/models/00000-m/decode", json{{"codes", samples["codes"]}, {"labels", {5, 5, 5, 5}}}.dump());
  EXPECT_NE(other["png"], samples["png"]);
  const json none = get("/api/models/00000-m/samples?seed=3&count=1&trunc=0");
  EXPECT_EQ(none["codes"][0], json({0.0, 0.0, 0.0, 0.0, 0.0, 0.0}));
}

TEST_F(StudioTest, InvertsAPicture) {
  const at::Tensor image = at::arange(28 * 28, at::kFloat).remainder(256).to(at::kByte).view({1, 28, 28});
  const json found = post("/api/models/00000-m/invert?class=1", encode_png(image));
  EXPECT_EQ(found["original"], base64(encode_png(image)));
  EXPECT_EQ(found["method"], "optimise");
  EXPECT_EQ(found["labels"], json({1}));
  EXPECT_GT(found["mse"], 0);
  const json back = post("/api/models/00000-m/decode", json{{"codes", found["codes"]}, {"labels", {1}}}.dump());
  EXPECT_EQ(back["png"], found["png"]);
  EXPECT_THAT(problem(post("/api/models/00000-m/invert", "no picture", 400)), HasSubstr("the picture"));
}

TEST_F(StudioTest, OffersWhatSuitsTheModel) {
  std::vector<std::string> names;
  const json actions = get("/api/models/00000-m/actions")["actions"];
  for (const json& action : actions) names.push_back(action["name"]);
  EXPECT_THAT(names, ::testing::ElementsAre("resume", "evaluate", "inference"));  // conditional, without an encoder
  // A model without an encoder is inverted by descent.
  const int64_t id = post("/api/jobs", json{{"action", "inference"}, {"run", "00000-m"}}.dump())["id"];
  post(fmt::format("/api/jobs/{}/stop", id), "");
  EXPECT_THAT(job_of(id)["command"].get<std::string>(), HasSubstr("--method auto"));
}

TEST_F(StudioTest, GivesDirections) {
  const json ways = get("/api/models/00000-m/directions?kind=sefa");
  EXPECT_EQ(ways["names"].size(), ways["ways"].size());
  for (const json& way : ways["ways"]) {
    double length = 0;
    for (const json& number : way) length += number.get<double>() * number.get<double>();
    EXPECT_NEAR(length, 1, 1e-5);
  }
  EXPECT_THAT(problem(get("/api/models/00000-m/directions?kind=svm", 400)), HasSubstr("needs labels"));
}

TEST_F(StudioTest, TrainsARecipeOfTheForm) {
  const json form = post("/api/check", json{{"text", kImages}, {"set", {"train.kimg=0.05", "name=formed"}}}.dump());
  bool seen = false;
  for (const json& key : form["keys"])
    if (key["key"] == "game.loss") seen = key["known"].dump().find("\"hinge\"") != std::string::npos;
  EXPECT_TRUE(seen);
  const json other = post("/api/kind", json{{"text", form["text"]}, {"key", "game.kind"}, {"kind", "vae"}}.dump());
  const json vae = post("/api/check", json{{"text", other["text"]}, {"set", json::array()}}.dump());
  EXPECT_THAT(vae["text"].get<std::string>(), HasSubstr("likelihood"));
  EXPECT_THAT(vae["text"].get<std::string>(), HasSubstr("limit = 500"));
  EXPECT_THAT(problem(post("/api/kind", json{{"text", kImages}, {"key", "train.kimg"}, {"kind", "3"}}.dump(), 400)),
              HasSubstr("kind"));
  EXPECT_THAT(problem(post("/api/check", json{{"text", kImages}, {"set", {"train.kimg=much"}}}.dump(), 400)),
              HasSubstr("train.kimg"));
  EXPECT_THAT(post("/api/explain", json{{"text", kImages}}.dump())["text"].get<std::string>(), HasSubstr("minimises"));
  const int64_t id = post("/api/jobs", json{{"action", "train"}, {"text", form["text"]}}.dump())["id"];
  const json job = ended(id);
  EXPECT_EQ(job["state"], "done") << job["printed"];
  EXPECT_THAT(job["printed"].get<std::string>(), HasSubstr("-formed"));
  const int64_t resumed = post("/api/jobs", json{{"action", "resume"}, {"run", "00000-m"}}.dump())["id"];
  EXPECT_EQ(ended(resumed)["state"], "done");  // there is nothing left to do
  const std::string missing = "[data]\nsource = '/nowhere/at/all'\n";
  const json failed = ended(post("/api/jobs", json{{"action", "train"}, {"text", missing}}.dump())["id"]);
  EXPECT_EQ(failed["state"], "failed");
  EXPECT_THAT(failed["printed"].get<std::string>(), HasSubstr("/nowhere/at/all"));
}

TEST_F(StudioTest, StopsAJobAndTakesAnotherOffTheQueue) {
  const std::string body =
      json{{"action", "train"}, {"text", kImages}, {"set", {"train.kimg=1e6", "name=stopped"}}}.dump();
  const int64_t first = post("/api/jobs", body)["id"], second = post("/api/jobs", body)["id"];
  post(fmt::format("/api/jobs/{}/stop", second), "");
  for (int i = 0; i < 200; ++i) {  // until it trains
    if (jobs()[1]["printed"].get<std::string>().find("LibTorch") != std::string::npos) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  post(fmt::format("/api/jobs/{}/stop", first), "");
  // A second time, as an impatient user does: the checkpoint is kept all the same. By then the job may be over.
  client().Post(fmt::format("/api/jobs/{}/stop", first).c_str(), {{"X-Obverse", "test"}}, "", "text/plain");
  const json stopped = ended(first);
  EXPECT_EQ(stopped["state"], "stopped");
  EXPECT_THAT(stopped["printed"].get<std::string>(), HasSubstr("stopped and saved"));
  for (const json& job : jobs()) {
    if (job["id"] != second) continue;
    EXPECT_EQ(job["state"], "stopped");
    EXPECT_EQ(job["begun"], 0);
  }
  EXPECT_THAT(problem(post(fmt::format("/api/jobs/{}/stop", first), "", 400)), HasSubstr("is over"));
  EXPECT_THAT(problem(post("/api/jobs/999/stop", "", 400)), HasSubstr("no job 999"));
}

TEST_F(StudioTest, RefusesWhatIsWrongInALine) {
  EXPECT_THAT(problem(get("/api/models/nothing", 400)), HasSubstr("nothing: no such run"));
  EXPECT_THAT(problem(get("/api/models/..", 400)), HasSubstr("no such run"));
  EXPECT_EQ(client().Get("/api/models/..%2Fruns%2F00000-m")->status, 404);
  EXPECT_EQ(client().Get("/runs/00000-m/..%2F..%2Fsecret.png")->status, 404);
  EXPECT_THAT(problem(get("/api/models/00000-m/samples?count=0", 400)), HasSubstr("count 0"));
  EXPECT_THAT(problem(get("/api/models/00000-m/samples?seed=x", 400)), HasSubstr("not a number"));
  EXPECT_THAT(problem(get("/api/models/00000-m/samples?class=10", 400)), HasSubstr("class 10"));
  EXPECT_THAT(problem(get("/api/models/00000-m/samples?trunc=nan", 400)), HasSubstr("trunc"));
  EXPECT_THAT(problem(get("/api/models/00000-m?space=w", 400)), HasSubstr("space w"));
  EXPECT_THAT(problem(get("/api/models/00000-m?space=v", 400)), HasSubstr("unknown space"));
  EXPECT_THAT(problem(get("/api/models/00000-m/data?count=-1", 400)), HasSubstr("count -1"));
  for (const char* body : {"", "[]", "{}", R"({"codes":[]})", R"({"codes":[[1,2]]})", R"({"codes":[["a",0,0,0,0,0]]})",
                           R"({"codes":[[1e300,0,0,0,0,0]]})", R"({"codes":[[0,0,0,0,0,0]]})",
                           R"({"codes":[[0,0,0,0,0,0]],"labels":[-1]})", R"({"codes":[[0,0,0,0,0,0]],"labels":[10]})"})
    EXPECT_FALSE(problem(post("/api/models/00000-m/decode", body, 400)).empty()) << body;
  EXPECT_THAT(problem(post("/api/jobs", R"({"action":"evalute","run":"00000-m"})", 400)), HasSubstr("evaluate"));
  EXPECT_THAT(problem(get("/api/recipes/runs", 400)), HasSubstr("no such recipe"));
  EXPECT_EQ(client().Get("/nothing")->status, 404);
}

// A page of another site makes a browser send requests to this machine.
TEST_F(StudioTest, RefusesOtherSites) {
  EXPECT_EQ(client().Get("/api/runs", {{"Host", "elsewhere.example:80"}})->status, 403);
  EXPECT_EQ(client().Get("/api/runs", {{"Host", "localhost:1"}})->status, 200);
  EXPECT_EQ(client().Post("/api/jobs", R"({"action":"resume","run":"00000-m"})", "text/plain")->status, 403);
}

// What a refused request carries as its body is not taken for a request of its own.
TEST_F(StudioTest, ABodyIsNeverARequest) {
  const std::string inner = "GET /api/runs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const std::string outer =
      fmt::format("POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n", inner.size());
  ASSERT_EQ(send(connection, outer.data(), outer.size(), 0), static_cast<ssize_t>(outer.size()));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // the body comes when the head has been answered
  send(connection, inner.data(), inner.size(), MSG_NOSIGNAL);
  std::string answers;
  char buffer[4096];
  for (ssize_t n = 0; (n = recv(connection, buffer, sizeof(buffer), 0)) > 0;)
    answers.append(buffer, static_cast<size_t>(n));
  close(connection);
  EXPECT_EQ(answers.rfind("HTTP/1.1 403", 0), 0u);
  EXPECT_EQ(answers.find("HTTP/1.1", 1), std::string::npos) << answers;
}

TEST_F(StudioTest, APortThatIsTakenIsRefused) {
  Studio second({folder_->file("runs"), folder_->path(), "127.0.0.1", port_, OBVERSE_PROGRAM});
  EXPECT_THAT(testing::refusal([&] { second.bind(); }), HasSubstr("--port"));
}

}  // namespace
}  // namespace obverse
