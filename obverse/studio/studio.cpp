#include "obverse/studio/studio.h"

#include <fmt/format.h>
#include <httplib.h>

#include <charconv>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/games/explain.h"
#include "obverse/io/files.h"
#include "obverse/report/page.h"
#include "obverse/report/report.h"
#include "obverse/studio/job_queue.h"
#include "obverse/studio/play.h"
#include "obverse/studio/recipe_form.h"
#include "obverse/studio/run_list.h"
#include "obverse/studio/web_files.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;
using httplib::Request;
using httplib::Response;

constexpr size_t kLargestBody = 64 << 20;  // a picture
constexpr size_t kThreads = 16;            // most of them wait for an answer of the playroom's
constexpr const char* kJson = "application/json";

void answer(Response& response, const Json& json) {
  response.set_content(json.dump(-1, ' ', false, Json::error_handler_t::replace), kJson);
}

void refuse(Response& response, int status, const std::string& problem) {
  response.status = status;
  answer(response, {{"problem", problem}});
}

Json body_of(const Request& request) {
  Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) fail("{}: send an object of JSON", request.path);
  return body;
}

std::string text_in(const Json& body, const char* key) {
  if (!body.contains(key) || !body[key].is_string()) fail("'{}' is missing: give a text", key);
  return body[key].get<std::string>();
}

std::vector<std::string> texts_in(const Json& body, const char* key) {
  std::vector<std::string> texts;
  if (!body.contains(key)) return texts;
  if (!body[key].is_array()) fail("'{}' is not a list", key);
  for (const Json& text : body[key]) {
    if (!text.is_string()) fail("'{}' is not a list of texts", key);
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

// A number of the query; `otherwise` where it is left out.
template <class T>
T number(const Request& request, const char* key, T otherwise) {
  if (!request.has_param(key)) return otherwise;
  const std::string text = request.get_param_value(key);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) fail("{}={}: not a number", key, text);
  return value;
}

// Truncation: a share of the way from the mean, as for `obverse sample`.
double checked_trunc(double trunc) {
  if (!(trunc >= 0 && trunc <= 10)) fail("trunc {:g}: is from 0 to 10", trunc);
  return trunc;
}

std::string space_of(const Request& request) {
  return request.has_param("space") ? request.get_param_value("space") : "z";
}

/// What can be done to a run as a job.
struct RunAction {
  std::string name, help;
  bool (*fits)(const Json& about);  // what Playroom::describe tells of its model
  std::vector<std::string> (*words)(const std::string& run);
};

using Words = std::vector<std::string>;

const std::vector<RunAction>& action_table() {
  static const std::vector<RunAction> table = {
      {"resume", "go on training", [](const Json&) { return true; },
       [](const std::string& run) -> Words {
         return {"train", "--resume", run};
       }},
      {"evaluate", "measure samples", [](const Json& about) { return !about["translates"]; },
       [](const std::string& run) -> Words {
         return {"eval", run, "--metrics", "fid,pr,dc"};
       }},
      {"inference", "measure inference", [](const Json& about) { return about["inverts"] && !about["translates"]; },
       [](const std::string& run) -> Words { return {"eval", run, "--metrics", "inference", "--method", "auto"}; }},
      {"directions", "find directions by labels",
       [](const Json& about) {
         return about["kind"] == "image" && !about["conditional"] && !about["translates"] && !about["classes"].empty();
       },
       [](const std::string& run) -> Words {
         return {"edit", "find", run, "--kind", "mean"};
       }},
      {"probe", "see what codes tell",
       [](const Json& about) {
         return about["encodes"] && !about["conditional"] && !about["translates"] && !about["classes"].empty();
       },
       [](const std::string& run) -> Words {
         return {"probe", run, "--out", run + "/probe"};
       }},
  };
  return table;
}

bool is_loopback(const std::string& host) { return host == "127.0.0.1" || host == "localhost" || host == "::1"; }

// "localhost:8228" -> "localhost", "[::1]:8228" -> "::1".
std::string name_of(const std::string& host) {
  if (!host.empty() && host.front() == '[') return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.rfind(':'));
}

}  // namespace

struct Studio::Parts {
  StudioOptions options;
  httplib::Server server;
  Playroom playroom;
  JobQueue jobs;

  explicit Parts(StudioOptions o) : options(std::move(o)), jobs(options.program, options.runs + "/.studio") {
    server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server.set_socket_options([](socket_t socket) {  // an address has one studio
      const int on = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    });
    server.set_payload_max_length(kLargestBody);
    // A request that is refused before its body was read leaves that in the connection, to be taken for the next
    // request.
    server.set_keep_alive_max_count(1);
    server.set_default_headers({{"Cache-Control", "no-store"},
                                {"X-Content-Type-Options", "nosniff"},
                                {"Content-Security-Policy", "frame-ancestors 'self'"}});
    server.set_pre_routing_handler([this](const Request& request, Response& response) {
      return guard(request, response) ? httplib::Server::HandlerResponse::Unhandled
                                      : httplib::Server::HandlerResponse::Handled;
    });
    server.set_exception_handler([](const Request&, Response& response, std::exception_ptr thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const UserError& error) {
        refuse(response, 400, error.what());
      } catch (const std::exception& error) {
        refuse(response, 500, error.what());
      }
    });
    serve_pages();
    serve_runs();
    serve_models();
    serve_recipes();
    serve_jobs();
  }

  std::string run(const Request& request) const { return find_run(options.runs, request.matches[1]); }

  // A page of another site can make a browser send requests here: its own name would then be the host, or, since only
  // scripts of this page set the header X-Obverse, that would be missing.
  bool guard(const Request& request, Response& response) const {
    const std::string host = name_of(request.get_header_value("Host"));
    if (is_loopback(options.host) && !is_loopback(host)) {
      refuse(response, 403, fmt::format("this studio is at {}: {} is not its name", options.host, host));
      return false;
    }
    if (request.method != "GET" && request.method != "HEAD" && !request.has_header("X-Obverse")) {
      refuse(response, 403, "requests that change something need the header X-Obverse");
      return false;
    }
    return true;
  }

  void serve_pages() {
    for (const WebFile& file : web_files()) {
      const auto send = [&file](const Request&, Response& response) {
        response.set_content(file.text, file.type.c_str());
      };
      server.Get(("/" + file.name).c_str(), send);
      if (file.name == "index.html") server.Get("/", send);
    }
    server.Get("/page.css", [](const Request&, Response& response) {
      response.set_content(page_style(), "text/css; charset=utf-8");
    });
  }

  void serve_runs() {
    server.Get("/api/runs", [this](const Request&, Response& response) {
      answer(response, {{"folder", options.runs}, {"runs", list_runs(options.runs)}});
    });
    server.Get(R"(/runs/([^/]+)/report)", [this](const Request& request, Response& response) {
      response.set_content(render_report(read_run(run(request))), "text/html; charset=utf-8");
    });
    server.Get(R"(/runs/([^/]+)/([^/]+\.png))", [this](const Request& request, Response& response) {
      response.set_content(run_picture(run(request), request.matches[2]), "image/png");
    });
  }

  void serve_models() {
    server.Get(R"(/api/models/([^/]+))", [this](const Request& request, Response& response) {
      answer(response, playroom.describe(run(request), space_of(request)));
    });
    server.Get(R"(/api/models/([^/]+)/samples)", [this](const Request& request, Response& response) {
      answer(response, playroom.sample(run(request), space_of(request), number<uint64_t>(request, "seed", 0),
                                       number<int64_t>(request, "count", 64), number<int64_t>(request, "class", -1),
                                       checked_trunc(number<double>(request, "trunc", 1))));
    });
    server.Get(R"(/api/models/([^/]+)/directions)", [this](const Request& request, Response& response) {
      answer(response, playroom.directions(run(request), space_of(request), request.get_param_value("kind")));
    });
    server.Get(R"(/api/models/([^/]+)/data)", [this](const Request& request, Response& response) {
      answer(response, playroom.data(run(request), number<int64_t>(request, "count", 2000)));
    });
    server.Post(R"(/api/models/([^/]+)/decode)", [this](const Request& request, Response& response) {
      const Json body = body_of(request);
      answer(response,
             playroom.decode(run(request), space_of(request), body.value("codes", Json()), body.value("labels", Json()),
                             checked_trunc(number<double>(request, "trunc", 1))));
    });
    server.Post(R"(/api/models/([^/]+)/invert)", [this](const Request& request, Response& response) {
      answer(response,
             playroom.invert(run(request), space_of(request), request.body, number<int64_t>(request, "class", -1)));
    });
  }

  void serve_recipes() {
    server.Get("/api/recipes", [this](const Request&, Response& response) {
      answer(response, {{"folder", options.recipes}, {"recipes", list_recipes(options.recipes)}});
    });
    server.Get(R"(/api/recipes/([^/]+))", [this](const Request& request, Response& response) {
      answer(response, {{"text", recipe_text(options.recipes, request.matches[1])}});
    });
    server.Post("/api/check", [](const Request& request, Response& response) {
      const Json body = body_of(request);
      answer(response, recipe_form({text_in(body, "text"), "recipe", texts_in(body, "set")}));
    });
    server.Post("/api/kind", [](const Request& request, Response& response) {
      const Json body = body_of(request);
      answer(response, {{"text", with_kind(text_in(body, "text"), text_in(body, "key"), text_in(body, "kind"))}});
    });
    server.Post("/api/explain", [](const Request& request, Response& response) {
      const Json body = body_of(request);
      Recipe recipe = parse_recipe({text_in(body, "text"), "recipe", texts_in(body, "set")});
      answer(response, {{"text", explain_recipe(recipe)}});
    });
  }

  // The recipe's text in a file beside the jobs' own.
  int64_t add_training(const Json& body) {
    const RecipeSource source{text_in(body, "text"), "recipe", texts_in(body, "set")};
    Recipe recipe = parse_recipe(source);
    const int64_t id = jobs.add([&](const std::string& folder, int64_t number_of_job) {
      const std::string path = fmt::format("{}/job-{:04}.toml", folder, number_of_job);
      write_file(path, write_options(recipe));
      return JobQueue::Work{"train " + recipe.name, {"train", path, "--out", options.runs}};
    });
    return id;
  }

  void serve_jobs() {
    server.Get("/api/jobs", [this](const Request&, Response& response) { answer(response, {{"jobs", jobs.list()}}); });
    server.Get(R"(/api/models/([^/]+)/actions)", [this](const Request& request, Response& response) {
      const Json about = playroom.describe(run(request), "z");
      Json actions = Json::array();
      for (const RunAction& row : action_table())
        if (row.fits(about)) actions.push_back({{"name", row.name}, {"help", row.help}});
      answer(response, {{"actions", actions}});
    });
    server.Post("/api/jobs", [this](const Request& request, Response& response) {
      const Json body = body_of(request);
      const std::string action = text_in(body, "action");
      if (action == "train") return answer(response, {{"id", add_training(body)}});
      const RunAction& row = find_row(action_table(), "action", action);
      const std::string name = text_in(body, "run"), path = find_run(options.runs, name);
      answer(response, {{"id", jobs.add([&](const std::string&, int64_t) {
                           return JobQueue::Work{row.help + ": " + name, row.words(path)};
                         })}});
    });
    server.Post(R"(/api/jobs/([0-9]+)/stop)", [this](const Request& request, Response& response) {
      jobs.stop(std::stoll(request.matches[1]));
      answer(response, Json::object());
    });
  }
};

Studio::Studio(StudioOptions options) : parts_(std::make_unique<Parts>(std::move(options))) {}
Studio::~Studio() = default;

int Studio::bind() {
  StudioOptions& o = parts_->options;
  if (o.port == 0) {
    o.port = parts_->server.bind_to_any_port(o.host.c_str());
    if (o.port < 0) fail("--host {}: cannot be listened at", o.host);
  } else if (!parts_->server.bind_to_port(o.host.c_str(), o.port)) {
    fail("--port {}: cannot be listened at on {}: another program may hold it; name another, or 0 for any", o.port,
         o.host);
  }
  return o.port;
}

void Studio::serve() { parts_->server.listen_after_bind(); }
void Studio::stop() {
  parts_->playroom.stop();
  parts_->server.stop();
}

}  // namespace obverse
