/// What goes wrong with agents and with what claims to be one, and how it is told.
#pragma once

#include "common/complaints.h"

namespace portoser::fleet {

enum class Trouble {
  // Of the gateway's thread.
  malformed,         ///< no message of ours
  too_large,         ///< over our limit of a message, under that of the socket
  unknown_type,      ///< of a newer agent
  not_admitted,      ///< of a device that was removed while it was connected
  own_route,         ///< of a connection that chose its routing id: agents do not
  key_refused,       ///< a handshake with a key of no device
  handshake_failed,  ///< a handshake that libzmq gave up: no CURVE, a wrong key of ours, a scanner
  accept_failed,     ///< no connection can be taken, usually for want of descriptors
  connection_ended,  ///< libzmq does not say why: also what a frame over ZMQ_MAXMSGSIZE leads to
  crowded,           ///< the door was shut for a while
  // Of the fleet's executor.
  other_version,         ///< a hello of a protocol that is not spoken here
  two_machines,          ///< a hello of a second machine with the key of one that is here
  not_welcomed,          ///< a message of a connection that is not the one in force
  registration_refused,  ///< a host that may not join
};

using Complaint = BasicComplaint<Trouble>;
using Complaints = BasicComplaints<Trouble, Trouble::registration_refused>;

/// Writes it into the log. Any thread.
void tell(const Complaint& complaint);

}  // namespace portoser::fleet
