/// Joining: a host with a token becomes a device of its controller. Blocking; only for
/// `portoser-agent-join`, because it loads curl and OpenSSL.
#pragma once

#include "agent/identity/identity.h"
#include "protocol/join.h"
#include "protocol/messages.h"

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace portoser::agent::identity {

struct Enrolment {
  protocol::JoinToken token;
  std::string name;              ///< of the host in registry.yml
  std::filesystem::path folder;  ///< where the identity is kept
  bool has_engine = false;       ///< a container engine's socket is there
};

struct Enrolled {
  Identity identity;
  bool was_joined = false;          ///< this host had an identity of this controller before
  bool waits_for_approval = false;  ///< an admin has to approve it first
};

/// Makes or finds the key pair, registers and saves the identity. Safe to repeat. Another
/// controller's identity is there: `Error{conflict}`; an answer with another key than the token's:
/// `Error{forbidden}`; what the controller refuses: an `Error` with its message and hint. In all
/// these cases no identity is saved and none is changed.
Enrolled enrol(const Enrolment& enrolment, const protocol::HostFacts& facts);

/// The program: `arguments` are those after its name, `facts` describes this host.
int join_program(const std::vector<std::string>& arguments,
                 const std::function<protocol::HostFacts()>& facts,
                 std::ostream& out);

}  // namespace portoser::agent::identity
