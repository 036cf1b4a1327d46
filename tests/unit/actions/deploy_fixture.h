/// Actions with portoser-deployment played by a script.
#pragma once

#include "tests/unit/actions/fixture.h"

#include <functional>
#include <string>

namespace portoser::agent::actions {

/// `script` with the name of a step is what the program does in it; "$2" is the command's folder.
class Deploy : public ActionsTest {
 protected:
  Deploy() {
    write_file_atomic(folder / "tool/deployment",
                      "#!/bin/sh\ndir=$(dirname \"$0\")\necho \"$1\" >> \"$dir/calls\"\n"
                      "if [ -f \"$dir/do-$1\" ]; then . \"$dir/do-$1\"; fi\nexit 0\n",
                      0755);
    settings.compose.deployment_program = (folder / "tool/deployment").string();
    end(actions);
    actions = make_actions();
  }

  protocol::Command deploy(const std::function<void(protocol::ComposeDeploy&)>& change) const {
    protocol::ComposeDeploy arguments;
    arguments.target = target();
    arguments.action = "up";
    arguments.deployment = "deploy-20261130-120000-0a1b2c3d";
    change(arguments);
    auto out = command<protocol::ComposeDeploy>(new_id());
    out.arguments = protocol::encode_arguments(arguments);
    return out;
  }
  protocol::Command deploy(const std::string& action) const {
    return deploy([&](auto& arguments) { arguments.action = action; });
  }
  void restart_agent() {
    end(actions);
    restart_agent_that_is_gone();
  }
  void restart_agent_that_is_gone() {
    windows.clear();
    actions = make_actions();
    actions->adopt();
  }
};

}  // namespace portoser::agent::actions
