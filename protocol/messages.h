/// Every message between agent and controller, declared once. The description of a struct gives its
/// msgpack form; docs/protocol.md is the prose. Adding a field needs no new protocol version: a
/// receiver skips keys that it does not know and keeps the default of those that are missing.
///
/// Units are in the names. `uptime_ns` is the sender's CLOCK_BOOTTIME, `wall_us` its clock in UTC;
/// what the receiver stores is its own time, computed from both (design: "Clocks").
#pragma once

#include "common/describe.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::protocol {

/// When something happened, as the machine that saw it can tell.
struct Moment {
  std::string boot_id;  ///< which boot `uptime_ns` counts from
  std::int64_t uptime_ns = 0;
  std::int64_t wall_us = 0;
  bool operator==(const Moment&) const = default;
};
BOOST_DESCRIBE_STRUCT(Moment, (), (boot_id, uptime_ns, wall_us))

/// What a host is: asked once a connection, shown to people.
struct HostFacts {
  std::string hostname;
  std::string os;          ///< "linux"
  std::string os_version;  ///< PRETTY_NAME of /etc/os-release
  std::string kernel;
  std::string arch;  ///< as uname says: "x86_64", "aarch64"
  std::int64_t cpu_cores = 0;
  std::int64_t cpu_threads = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t disk_bytes = 0;  ///< size of the root file system
  std::string engine_version;   ///< empty: no engine answers
  std::string engine_api_version;
  std::string compose_version;  ///< empty: no compose tool was found
  std::string ssh_user;         ///< the user that the registration names; may be empty
  std::vector<std::string> addresses;
  bool has_systemd = false;
  bool operator==(const HostFacts&) const = default;
};
BOOST_DESCRIBE_STRUCT(HostFacts,
                      (),
                      (hostname,
                       os,
                       os_version,
                       kernel,
                       arch,
                       cpu_cores,
                       cpu_threads,
                       memory_bytes,
                       disk_bytes,
                       engine_version,
                       engine_api_version,
                       compose_version,
                       ssh_user,
                       addresses,
                       has_systemd))

/// First message of a connection.
struct Hello {
  static constexpr std::string_view type = "hello";
  std::string agent_version;
  std::int64_t protocol_low = 0;  ///< oldest protocol version that this agent speaks
  std::int64_t protocol_high = 0;
  std::string spool_epoch;         ///< random; a new one means that the sequence began anew
  std::int64_t last_sequence = 0;  ///< newest durable message that was ever written
  Moment now;
  HostFacts facts;
  /// The commands and questions that the agent knows, by name. Empty: it is older than this field.
  std::vector<std::string> knows;
  bool operator==(const Hello&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    Hello,
    (),
    (agent_version, protocol_low, protocol_high, spool_epoch, last_sequence, now, facts, knows))

struct Welcome {
  static constexpr std::string_view type = "welcome";
  std::string controller_version;
  std::string device_id;
  std::string name;                 ///< the host's name in registry.yml
  std::int64_t acked_sequence = 0;  ///< of the agent's epoch: what need not be sent again
  std::int64_t sample_interval_ms = 5000;
  /// The newest sample that the controller has of this boot; later ones are sent again.
  std::string sample_boot_id;
  std::int64_t sample_uptime_ns = 0;
  bool operator==(const Welcome&) const = default;
};
BOOST_DESCRIBE_STRUCT(Welcome,
                      (),
                      (controller_version,
                       device_id,
                       name,
                       acked_sequence,
                       sample_interval_ms,
                       sample_boot_id,
                       sample_uptime_ns))

/// A service that runs on this host, as far as the agent needs it.
struct AssignedService {
  std::string name;
  std::string kind;  ///< "docker", "native" or "local"
  /// Candidates for the compose file, or the service.yml of another kind; the first that exists
  /// counts.
  std::vector<std::string> files;
  std::string project;          ///< `-p`; empty: compose's own choice
  std::string compose_service;  ///< key in the compose file; empty: the whole project
  std::string unit{};  ///< systemd unit of a native service; empty: one made of service.yml
  bool operator==(const AssignedService&) const = default;
};
BOOST_DESCRIBE_STRUCT(AssignedService, (), (name, kind, files, project, compose_service, unit))

/// All services of the host. Replaces what was assigned before.
struct Assign {
  static constexpr std::string_view type = "assign";
  std::string revision;  ///< of the registry
  std::vector<AssignedService> services;
  bool operator==(const Assign&) const = default;
};
BOOST_DESCRIBE_STRUCT(Assign, (), (revision, services))

struct Container {
  std::string id;  ///< full, 64 hexadecimal digits
  std::string name;
  std::string image;
  std::string state;   ///< the engine's word: running, exited, created, restarting, paused, dead
  std::string health;  ///< healthy, unhealthy, starting; empty: no check is defined
  std::int64_t exit_code = 0;
  bool oom_killed = false;
  std::string restart_policy;    ///< no, always, unless-stopped, on-failure
  std::int64_t started_us = 0;   ///< wall clock; 0: never
  std::int64_t finished_us = 0;  ///< wall clock; 0: never
  std::string project;           ///< label com.docker.compose.project
  std::string compose_service;   ///< label com.docker.compose.service
  std::string working_dir;       ///< label com.docker.compose.project.working_dir
  std::string config_files;      ///< label com.docker.compose.project.config_files
  bool one_off = false;          ///< label com.docker.compose.oneoff
  bool operator==(const Container&) const = default;
};
BOOST_DESCRIBE_STRUCT(Container,
                      (),
                      (id,
                       name,
                       image,
                       state,
                       health,
                       exit_code,
                       oom_killed,
                       restart_policy,
                       started_us,
                       finished_us,
                       project,
                       compose_service,
                       working_dir,
                       config_files,
                       one_off))

/// How one assigned service stands, as its own host judges it.
struct ServiceState {
  std::string name;
  std::string status;  ///< running, stopped or unknown
  std::string health;  ///< healthy, unhealthy, starting or unknown
  std::string reason;  ///< a sentence, when it is not plainly running or stopped
  std::string file;    ///< the compose file that was found; empty: none
  std::vector<std::string> container_ids;
  bool operator==(const ServiceState&) const = default;
};
BOOST_DESCRIBE_STRUCT(ServiceState, (), (name, status, health, reason, file, container_ids))

/// Everything that runs on the host. Sent after `welcome`, after `assign`, and at each change.
struct State {
  static constexpr std::string_view type = "state";
  Moment when;
  bool engine_available = false;
  std::string engine_problem;   ///< why not; empty while it is available
  std::string engine_version;   ///< empty: it never answered since the agent started
  std::string compose_version;  ///< empty: not found yet
  /// While it is not available: for how long it had given no sign by then. None: it never gave one
  /// since the agent started, or the agent is older than this field.
  std::optional<std::int64_t> engine_silent_ms;
  std::vector<Container> containers;
  std::vector<ServiceState> services;
  /// That did not fit into a message; those of services go last.
  std::int64_t containers_left_out = 0;
  bool operator==(const State&) const = default;
};
BOOST_DESCRIBE_STRUCT(State,
                      (),
                      (when,
                       engine_available,
                       engine_problem,
                       engine_version,
                       compose_version,
                       engine_silent_ms,
                       containers,
                       services,
                       containers_left_out))

struct CpuSample {
  std::optional<double> percent;  ///< of the whole machine, since the sample before; 0 to 100
  std::vector<double> core_percent;
  std::optional<double> load_1;
  std::optional<double> load_5;
  std::optional<double> load_15;
  bool operator==(const CpuSample&) const = default;
};
BOOST_DESCRIBE_STRUCT(CpuSample, (), (percent, core_percent, load_1, load_5, load_15))

struct MemorySample {
  std::int64_t total_bytes = 0;
  std::int64_t available_bytes = 0;  ///< MemAvailable; used = total - available
  std::int64_t swap_total_bytes = 0;
  std::int64_t swap_used_bytes = 0;
  bool operator==(const MemorySample&) const = default;
};
BOOST_DESCRIBE_STRUCT(MemorySample,
                      (),
                      (total_bytes, available_bytes, swap_total_bytes, swap_used_bytes))

struct DiskSample {
  std::string mount;
  std::string device;
  std::string file_system;
  std::int64_t total_bytes = 0;
  std::int64_t used_bytes = 0;
  std::int64_t available_bytes = 0;  ///< to an unprivileged user
  std::optional<double> read_bytes_per_second;
  std::optional<double> write_bytes_per_second;
  bool operator==(const DiskSample&) const = default;
};
BOOST_DESCRIBE_STRUCT(DiskSample,
                      (),
                      (mount,
                       device,
                       file_system,
                       total_bytes,
                       used_bytes,
                       available_bytes,
                       read_bytes_per_second,
                       write_bytes_per_second))

struct NetworkSample {
  std::string interface;
  std::int64_t receive_bytes = 0;   ///< counter since boot
  std::int64_t transmit_bytes = 0;  ///< counter since boot
  std::optional<double> receive_bytes_per_second;
  std::optional<double> transmit_bytes_per_second;
  bool operator==(const NetworkSample&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    NetworkSample,
    (),
    (interface, receive_bytes, transmit_bytes, receive_bytes_per_second, transmit_bytes_per_second))

/// Since the sample before, as its host knows it: the receiver may get that one later or never.
/// Empty members are unknown, as where a counter began anew.
struct ContainerRates {
  std::optional<std::int64_t> receive;
  std::optional<std::int64_t> transmit;
  std::optional<std::int64_t> block_read;
  std::optional<std::int64_t> block_write;
  bool operator==(const ContainerRates&) const = default;
};
BOOST_DESCRIBE_STRUCT(ContainerRates, (), (receive, transmit, block_read, block_write))

struct ContainerSample {
  std::string id;
  std::optional<double> cpu_percent;  ///< of the whole machine, since the sample before
  std::optional<std::int64_t>
      memory_bytes;  ///< as `docker stats` counts: without inactive page cache
  std::optional<std::int64_t> memory_limit_bytes;  ///< empty: none is set
  std::optional<std::int64_t>
      receive_bytes;  ///< all interfaces of its own network, since its start
  std::optional<std::int64_t> transmit_bytes;
  std::optional<std::int64_t> block_read_bytes;
  std::optional<std::int64_t> block_write_bytes;
  /// Whose it was when it was measured: a late sample speaks of containers that are gone by now.
  std::vector<std::string> services{};
  std::optional<ContainerRates> per_second{};  ///< bytes; empty: an agent older than this field
  bool operator==(const ContainerSample&) const = default;
};
BOOST_DESCRIBE_STRUCT(ContainerSample,
                      (),
                      (id,
                       cpu_percent,
                       memory_bytes,
                       memory_limit_bytes,
                       receive_bytes,
                       transmit_bytes,
                       block_read_bytes,
                       block_write_bytes,
                       services,
                       per_second))

struct TemperatureSample {
  std::string sensor;  ///< "coretemp Package id 0", as the kernel's driver names it
  double celsius = 0;
  bool operator==(const TemperatureSample&) const = default;
};
BOOST_DESCRIBE_STRUCT(TemperatureSample, (), (sensor, celsius))

/// Whether an assigned service ran when the sample was taken. Those of which the host cannot tell
/// are not named.
struct ServiceUp {
  std::string name;
  bool up = false;
  /// A container of it failed and has not come back, whether or not others run. Absent: an agent
  /// before that.
  std::optional<bool> failed{};
  bool operator==(const ServiceUp&) const = default;
};
BOOST_DESCRIBE_STRUCT(ServiceUp, (), (name, up, failed))

/// What could not be read, so that it is shown as unknown and not as zero.
struct CollectProblem {
  std::string collector;  ///< cpu, memory, disk, network, containers; data: the agent's own folder
  std::string message;
  bool operator==(const CollectProblem&) const = default;
};
BOOST_DESCRIBE_STRUCT(CollectProblem, (), (collector, message))

struct Sample {
  static constexpr std::string_view type = "sample";
  Moment when;
  std::int64_t boot_time_us = 0;  ///< wall clock of this boot
  CpuSample cpu;
  std::optional<MemorySample> memory;
  std::vector<DiskSample> disks;
  std::vector<NetworkSample> networks;
  std::vector<ContainerSample> containers;
  std::vector<CollectProblem> problems;
  /// Each sample of a boot has the number after the one before it; a new agent goes on at a higher
  /// one. So the receiver knows which it has, whatever came twice or late. 0: an agent before that.
  std::int64_t number = 0;
  std::vector<TemperatureSample> temperatures;  ///< none on machines without sensors
  std::vector<ServiceUp> services;
  /// That did not fit into a message. A service has all of its containers in `containers` or none.
  std::int64_t containers_left_out = 0;
  bool operator==(const Sample&) const = default;
};
BOOST_DESCRIBE_STRUCT(Sample,
                      (),
                      (when,
                       boot_time_us,
                       cpu,
                       memory,
                       disks,
                       networks,
                       containers,
                       problems,
                       number,
                       temperatures,
                       services,
                       containers_left_out))

/// Something that happened to a service or a container. Durable: kept until it is acknowledged.
struct Event {
  static constexpr std::string_view type = "event";
  std::int64_t sequence = 0;  ///< assigned by the spool
  Moment when;
  std::string scope;       ///< "service" or "container" (one outside the registry)
  std::string event_type;  ///< start, stop, failure, recovery, restart
  std::string service;     ///< empty for scope "container"
  std::string container;   ///< name
  std::string container_id;
  std::string details;  ///< "exit 137", for people
  std::optional<std::int64_t> exit_code;
  std::string command_id;  ///< the command of ours that caused it; empty: somebody else
  /// Equal origins of one device are the same event, told again by an agent that was killed before
  /// it had noted the first time; empty: it is told once.
  std::string origin;
  bool operator==(const Event&) const = default;
};
BOOST_DESCRIBE_STRUCT(Event,
                      (),
                      (sequence,
                       when,
                       scope,
                       event_type,
                       service,
                       container,
                       container_id,
                       details,
                       exit_code,
                       command_id,
                       origin))

/// Everything up to this sequence is in the controller's database.
struct Ack {
  static constexpr std::string_view type = "ack";
  std::string spool_epoch;
  std::int64_t sequence = 0;
  bool operator==(const Ack&) const = default;
};
BOOST_DESCRIBE_STRUCT(Ack, (), (spool_epoch, sequence))

/// Something to do. The journal of the agent makes a repeat return the first result.
struct Command {
  static constexpr std::string_view type = "command";
  std::string id;                ///< ULID
  std::string name;              ///< of commands.h
  std::int64_t duration_ms = 0;  ///< how long it may take, on the agent's own clock
  /// Ask only: an id that the journal does not know ends with reason COMMAND_UNKNOWN and does
  /// nothing.
  bool adopt_only = false;
  Bytes arguments;  ///< the command's struct as msgpack
  bool operator==(const Command&) const = default;
};
BOOST_DESCRIBE_STRUCT(Command, (), (id, name, duration_ms, adopt_only, arguments))

struct Cancel {
  static constexpr std::string_view type = "cancel";
  std::string id;
  /// Nobody waits for it any more: it must not begin, but may go on to its end if it has begun.
  bool unless_begun = false;
  bool operator==(const Cancel&) const = default;
};
BOOST_DESCRIBE_STRUCT(Cancel, (), (id, unless_begun))

/// Lines of output, numbered from 0 within the command so that a repeat is recognised.
struct Progress {
  static constexpr std::string_view type = "progress";
  std::string command_id;
  std::string step;  ///< "build", "up"
  std::int64_t first_line = 0;
  std::vector<std::string> lines;
  std::vector<std::string> steps;  ///< all of the command's, in order; only where a step begins
  bool operator==(const Progress&) const = default;
};
BOOST_DESCRIBE_STRUCT(Progress, (), (command_id, step, first_line, lines, steps))

/// How a command ended. Durable like an event, in the same sequence.
struct CommandResult {
  static constexpr std::string_view type = "result";
  std::int64_t sequence = 0;
  std::string command_id;
  bool succeeded = false;
  std::string code;     ///< a `Code` by name; empty when it succeeded
  std::string reason;   ///< UPPER_SNAKE, of docs/errors.md
  std::string message;  ///< a sentence for a person
  std::string hint;
  std::optional<std::int64_t> exit_code;
  std::vector<std::string> last_lines;  ///< of the tool's own output
  Moment when;
  std::string failed_step;  ///< empty: it succeeded, or failed outside its steps
  /// What became of what ran before, when a change of it failed: "returned" (it runs again) or
  /// "failed" (`message` says why); empty: there was nothing to undo.
  std::string undone;
  bool operator==(const CommandResult&) const = default;
};
BOOST_DESCRIBE_STRUCT(CommandResult,
                      (),
                      (sequence,
                       command_id,
                       succeeded,
                       code,
                       reason,
                       message,
                       hint,
                       exit_code,
                       last_lines,
                       when,
                       failed_step,
                       undone))

/// Something to tell about the host. It changes nothing there and is not kept: who gets no answer
/// asks again.
struct Question {
  static constexpr std::string_view type = "question";
  std::string id;                ///< ULID
  std::string name;              ///< of questions.h
  std::int64_t duration_ms = 0;  ///< how long somebody waits, on the agent's own clock
  Bytes arguments;               ///< the question's struct as msgpack
  bool operator==(const Question&) const = default;
};
BOOST_DESCRIBE_STRUCT(Question, (), (id, name, duration_ms, arguments))

struct Answer {
  static constexpr std::string_view type = "answer";
  std::string question_id;
  bool succeeded = false;
  std::string code;     ///< a `Code` by name; empty when it succeeded
  std::string reason;   ///< UPPER_SNAKE, of docs/errors.md
  std::string message;  ///< a sentence for a person
  std::string hint;
  Bytes content;  ///< the struct that the question names as its answer, as msgpack
  bool operator==(const Answer&) const = default;
};
BOOST_DESCRIBE_STRUCT(Answer, (), (question_id, succeeded, code, reason, message, hint, content))

/// A piece of a stream between programs of two hosts. The controller hands it on as it is. A stream
/// goes both ways; each way has its own numbers.
struct Chunk {
  static constexpr std::string_view type = "chunk";
  static constexpr std::size_t data_limit = std::size_t{128} << 10U;
  /// So many of one way of a stream may be under way without a credit for them.
  static constexpr std::int64_t window = 8;
  std::string stream;
  std::int64_t number = 0;  ///< from 0; one that is missing ends the stream
  Bytes data;               ///< at most `data_limit` bytes
  bool operator==(const Chunk&) const = default;
};
BOOST_DESCRIBE_STRUCT(Chunk, (), (stream, number, data))

/// The program over there has taken the chunks before `next`.
struct Credit {
  static constexpr std::string_view type = "credit";
  std::string stream;
  std::int64_t next = 0;
  bool operator==(const Credit&) const = default;
};
BOOST_DESCRIBE_STRUCT(Credit, (), (stream, next))

/// This way of the stream is over: all chunks before `number` were sent. With a problem both ways
/// are, whatever was sent; and if the stream is named without a number, so are all its numbers.
struct StreamEnd {
  static constexpr std::string_view type = "stream_end";
  std::string stream;
  std::int64_t number = 0;
  std::string problem;  ///< a sentence for a person; empty: it ended well
  bool operator==(const StreamEnd&) const = default;
};
BOOST_DESCRIBE_STRUCT(StreamEnd, (), (stream, number, problem))

struct Goodbye {
  static constexpr std::string_view type = "goodbye";
  std::string reason;   ///< removed, version, cloned, stopping
  std::string message;  ///< a sentence for a person
  bool operator==(const Goodbye&) const = default;
};
BOOST_DESCRIBE_STRUCT(Goodbye, (), (reason, message))

/// Every message, for the codec, for tests and for docs/protocol.md.
template <template <class...> class List>
using Messages = List<Hello,
                      Welcome,
                      Assign,
                      State,
                      Sample,
                      Event,
                      Ack,
                      Command,
                      Cancel,
                      Progress,
                      CommandResult,
                      Goodbye,
                      Question,
                      Answer,
                      Chunk,
                      Credit,
                      StreamEnd>;

}  // namespace portoser::protocol
