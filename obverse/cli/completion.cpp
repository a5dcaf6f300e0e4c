#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "obverse/cli/commands.h"
#include "obverse/core/error.h"

namespace obverse {
namespace {

// The long options and subcommands of a command, as words.
std::string words_of(CLI::App* app) {
  std::string words;
  for (const CLI::Option* option : app->get_options())
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  for (const CLI::App* sub : app->get_subcommands([](CLI::App*) { return true; })) words += sub->get_name() + " ";
  return words;
}

std::string bash_completion(CLI::App* root) {
  std::string cases;
  for (CLI::App* command : root->get_subcommands([](CLI::App*) { return true; }))
    cases += fmt::format("    {}) words=\"{}\" ;;\n", command->get_name(), words_of(command));
  return fmt::format(R"(# Completions of obverse for bash: source <(obverse completion)
_obverse() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words
  case "${{COMP_WORDS[1]}}" in
{}    *) words="{}" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="{}"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "$COMP_CWORD" -gt 1 ] && [[ "$current" != -* ]] && COMPREPLY+=($(compgen -f -- "$current"))
}}
complete -o filenames -F _obverse obverse
)",
                     cases, words_of(root), words_of(root));
}

}  // namespace

void setup_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>("bash");
  app.add_option("shell", *shell, "bash")->capture_default_str();
  CLI::App* root = app.get_parent();
  app.callback([shell, root] {
    if (*shell != "bash") fail("completion: no completions for '{}': bash is the one there is", *shell);
    fmt::print("{}", bash_completion(root));
  });
}

}  // namespace obverse
