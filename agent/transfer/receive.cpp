#include "agent/transfer/receive.h"

#include "agent/transfer/answers.h"
#include "agent/transfer/channel.h"
#include "agent/transfer/send.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace portoser::agent::transfer {
namespace {

constexpr auto streams_file = "streams";

std::chrono::steady_clock::time_point now() {
  return std::chrono::steady_clock::now();
}

struct ImageName {
  std::string name;
  std::string tag;
};

/// "registry:5000/nginx:1.25".
ImageName split(const std::string& reference) {
  const auto slash = reference.rfind('/');
  const auto colon = reference.rfind(':');
  const bool has_tag = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  if (!has_tag) return {reference, "latest"};
  return {reference.substr(0, colon), reference.substr(colon + 1)};
}

/// Other services of this host may be made from it, so that its name is not taken away; and the
/// service would be made from it too.
Error image_differs(const std::string& reference) {
  return Error{
      Code::conflict,
      fmt::format("on this host {} is another image than the one that the service runs", reference)}
      .reason("IMAGE_DIFFERS")
      .hint(fmt::format("on this host give it another name (docker tag {0} …, docker rmi {0}), or "
                        "deploy the services of both hosts with the same image first",
                        reference));
}

}  // namespace

Receive::Receive(const Parameters& parameters,
                 EngineData& engine,
                 std::filesystem::path folder,
                 std::string program,
                 Mounts mounts)
    : parameters_(parameters),
      engine_(engine),
      folder_(std::move(folder)),
      program_(std::move(program)),
      mounts_(std::move(mounts)),
      progress_(parameters.total_bytes, now()) {}

void Receive::run(const std::string& step) {
  const auto work = [&] {
    if (step == "prepare") return prepare();
    if (step == "fetch") return fetch();
    if (step == "compare") return compare();
    throw Error{Code::invalid, "there is no step " + step};
  };
  try {
    work();
  } catch (const std::exception& error) {
    end(error.what());
    throw;
  }
  const bool is_last = step == "compare" || (step == "fetch" && !parameters_.is_final);
  if (is_last) end({});
}

void Receive::fetch() {
  for (std::size_t i = 0; i < parameters_.roots.size(); ++i) {
    if (parameters_.roots[i].kind == "image") {
      fetch_image(i);
    } else {
      fetch_files(i, false);
    }
  }
  flush_roots();
}

/// Soon the source's copy is the old one: what arrived must outlive a power cut. After the first
/// pass most of it is on the disk, so that the last one, while nothing runs, has little to wait
/// for.
void Receive::flush_roots() {
  for (const auto& root : parameters_.roots) {
    if (root.kind == "image") continue;
    const auto folder = folder_of(root);
    const Descriptor opened{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (opened.get() >= 0 && ::syncfs(opened.get()) == 0) continue;
    throw Error{Code::internal,
                fmt::format("{}: what arrived cannot be flushed to the disk: {}",
                            name_of(root),
                            std::strerror(errno))};
  }
}

void Receive::fetch_files(std::size_t number, bool checks_content) {
  const auto& root = parameters_.roots[number];
  RsyncCall call;
  call.rsync = find_rsync();
  call.program = program_;
  call.socket = parameters_.stream_socket;
  call.stream = next_stream();
  call.root = static_cast<std::int64_t>(number);
  call.folder = folder_of(root);
  call.skips_lost_and_found = root.kind == "volume";
  call.checks_content = checks_content;
  call.rate_limit_kib = parameters_.rate_limit_kib;
  progress_.begin(name_of(root), now());
  const auto ended = run_rsync(receiving_words(call), [this](std::int64_t bytes) { show(bytes); });
  judge(ended, name_of(root), parameters_.is_final);
  if (!checks_content) progress_.end(ended.total_bytes);
  fmt::print("{}: {} are here\n", name_of(root), size_text(ended.total_bytes));
}

void Receive::fetch_image(std::size_t number) {
  const auto& root = parameters_.roots[number];
  const auto& wanted = root.image.empty() ? root.reference : root.image;
  // A digest belongs to a registry and is no name that could be given.
  const bool can_be_named = !root.reference.empty() && !root.image.empty() &&
                            root.reference.find('@') == std::string::npos;
  const auto named = can_be_named ? engine_.image_id(root.reference) : std::nullopt;
  if (named && *named != root.image) throw image_differs(root.reference);
  if (!engine_.image_id(wanted)) {
    Channel channel{parameters_.stream_socket, next_stream()};
    Request request;
    request.root = static_cast<std::int64_t>(number);
    request.wants = "image";
    channel.write(to_line(request) + "\n");
    // At once: the other host need not wait until the engine here has taken the last block.
    channel.end_writing();
    AnswerReader answer{channel};
    progress_.begin(name_of(root), now());
    std::int64_t sum = 0;
    engine_.load_image([&](char* out, std::size_t size) {
      const auto count = answer.bytes(out, size);
      sum += static_cast<std::int64_t>(count);
      show(sum);
      return count;
    });
    progress_.end(sum);
    channel.drain();
    if (!engine_.image_id(wanted)) {
      throw Error{Code::internal,
                  name_of(root) + " was loaded, and this host's engine does not know it"};
    }
  }
  // A tar by id has no names.
  if (can_be_named && !named) {
    const auto [name, tag] = split(root.reference);
    engine_.tag_image(root.image, name, tag);
  }
  fmt::print("{}: is here\n", name_of(root));
}

void Receive::compare() {
  for (std::size_t i = 0; i < parameters_.roots.size(); ++i) {
    const auto& root = parameters_.roots[i];
    if (root.kind == "image") continue;
    auto found = compare_root(i);
    if (found.count > 0) {
      fmt::print("{}: {} entries differ, the first: {}; every byte is looked at\n",
                 name_of(root),
                 found.count,
                 found.lines.front());
      fetch_files(i, true);
      found = compare_root(i);
    }
    if (found.count > 0) {
      throw Error{Code::internal,
                  fmt::format("{}: {} entries differ from the source: {}",
                              name_of(root),
                              found.count,
                              fmt::join(found.lines, "; "))}
          .reason("MOVE_DATA_DIFFERS")
          .hint("something wrote to them meanwhile, here or there");
    }
    fmt::print("{}: is the same on both hosts\n", name_of(root));
  }
  flush_roots();
}

Differences Receive::compare_root(std::size_t number) {
  const auto& root = parameters_.roots[number];
  Channel channel{parameters_.stream_socket, next_stream()};
  Request request;
  request.root = static_cast<std::int64_t>(number);
  request.wants = "manifest";
  channel.write(to_line(request) + "\n");
  channel.end_writing();
  AnswerReader answer{channel};
  ManifestWalk walk{folder_of(root), root.kind == "volume"};
  auto found = transfer::compare([&] { return answer.entry(); }, [&] { return walk.next(); });
  channel.drain();
  return found;
}

std::string Receive::folder_of(const protocol::DataRoot& root) {
  if (root.kind != "volume") return root.path;
  const auto volume = engine_.volume(root.volume);
  if (!volume) throw Error{Code::not_found, name_of(root) + " was made here and is gone"};
  return volume->folder;
}

void Receive::show(std::int64_t bytes) {
  if (const auto line = progress_.at(bytes, now())) fmt::print("{}\n", *line);
}

/// The other host counts the same way. Written down before it is used: the next step goes on there.
std::string Receive::next_stream() {
  const auto file = folder_ / streams_file;
  int number = 0;
  try {
    const auto text = read_file(file);
    std::from_chars(text.data(), text.data() + text.size(), number);
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
  }
  write_file_atomic(file, std::to_string(number + 1), 0600);
  return fmt::format("{}.{}", parameters_.stream, number);
}

/// Best effort with a problem: the other host may be what went away.
void Receive::end(const std::string& problem) {
  constexpr std::chrono::seconds well{60};
  constexpr std::chrono::seconds with_problem{5};
  try {
    Channel channel{parameters_.stream_socket, next_stream()};
    Request request;
    request.wants = "end";
    request.problem = problem;
    channel.write(to_line(request) + "\n");
    channel.end_writing();
    channel.drain(problem.empty() ? well : with_problem);
  } catch (const Error& error) {
    if (problem.empty()) throw;
    fmt::print("the other host could not be told: {}\n", error.message());
  }
}

}  // namespace portoser::agent::transfer
