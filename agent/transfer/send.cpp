#include "agent/transfer/send.h"

#include "agent/transfer/answers.h"
#include "agent/transfer/manifest.h"
#include "agent/transfer/rsync_call.h"
#include "agent/transfer/users.h"
#include "common/error.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

namespace portoser::agent::transfer {

std::string name_of(const protocol::DataRoot& root) {
  if (root.kind == "volume") return "volume " + root.volume;
  if (root.kind == "image")
    return "image " + (root.reference.empty() ? root.image : root.reference);
  return fmt::format("{} {}", root.kind, root.path);
}

Send::Send(const Parameters& parameters, EngineData& engine, SendLimits limits)
    : parameters_(parameters), engine_(engine), limits_(limits) {}

/// Of the last transfer: what somebody writes now would be missing over there.
void Send::require_stopped() {
  if (!parameters_.is_final) return;
  std::vector<ContainerUse> containers;
  try {
    containers = engine_.containers();
  } catch (const Error& error) {
    // It was stopped, and lost its restart policies: an engine that is away starts nothing.
    if (error.code() != Code::unavailable) throw;
    fmt::print("whether something uses the data cannot be told: {}\n", error.message());
    return;
  }
  for (const auto& root : parameters_.roots) {
    if (root.kind == "image") continue;
    MadeRoot used;
    used.kind = root.kind;
    used.volume = root.volume;
    used.path = root.path;
    for (const auto& container : containers) {
      if (!container.is_up || !writes(container, used)) continue;
      throw Error{Code::conflict,
                  fmt::format("{} runs, and uses {}: it was started while it was moved",
                              container.name,
                              name_of(root))}
          .reason("SERVICE_RUNS")
          .hint("the service stays where it is; move it again");
    }
  }
}

void Send::run() {
  rsync_ = find_rsync();
  require_stopped();
  for (int number = 0;; ++number) {
    Channel channel{parameters_.stream_socket, fmt::format("{}.{}", parameters_.stream, number)};
    std::string line;
    try {
      line = channel.read_line(trouble_.empty() ? limits_.idle : limits_.after_failure);
    } catch (const Error& error) {
      if (trouble_.empty()) throw;
      // Tried again, it would most likely come to the same.
      if (!is_trouble_cut_) throw Error{Code::internal, trouble_};
      throw transfer_cut(trouble_);
    }
    const auto request = request_from(line, parameters_.roots.size());
    if (request.wants == "end") {
      channel.end_writing();
      channel.drain();
      if (request.problem.empty()) {
        require_stopped();
        return;
      }
      throw transfer_cut("the other host gave up: " + request.problem);
    }
    trouble_.clear();
    is_trouble_cut_ = false;
    serve(request, channel);
    channel.end_writing();
    channel.drain();
  }
}

void Send::serve(const Request& request, Channel& channel) {
  if (request.wants == "nothing") return;
  const auto& root = parameters_.roots.at(static_cast<std::size_t>(request.root));
  if (request.wants == "rsync") {
    serve_files(request, channel);
  } else if (request.wants == "manifest") {
    serve_manifest(root, channel);
  } else {
    serve_image(root, channel);
  }
}

void Send::serve_files(const Request& request, Channel& channel) {
  constexpr int partial = 23;
  constexpr int vanished = 24;
  const auto& root = parameters_.roots.at(static_cast<std::size_t>(request.root));
  auto words = served_arguments(request.arguments, folder_of(root), parameters_.rate_limit_kib);
  words.insert(words.begin(), rsync_);
  fmt::print("{}: is read\n", name_of(root));
  const int status = serve_rsync(words, channel.descriptor());
  // What could not be read the other rsync was told; its host decides.
  if (status == 0 || status == partial || status == vanished) return;
  trouble_ = fmt::format("rsync ended with {} while it sent {}", status, name_of(root));
  is_trouble_cut_ = means_cut(status);
}

void Send::serve_manifest(const protocol::DataRoot& root, Channel& channel) {
  fmt::print("{}: its content is read for the comparison\n", name_of(root));
  AnswerWriter answer{channel};
  try {
    ManifestWalk walk{folder_of(root), root.kind == "volume", [&answer] { answer.alive(); }};
    while (const auto entry = walk.next()) answer.entry(*entry);
  } catch (const Error& error) {
    if (error.reason() == "TRANSFER_CUT") throw;
    fmt::print("{}\n", error.message());
    trouble_ = error.message();
    answer.failed(error.message());
    return;
  }
  answer.end();
}

void Send::serve_image(const protocol::DataRoot& root, Channel& channel) {
  if (root.kind != "image") throw Error{Code::invalid, name_of(root) + " is no image"};
  fmt::print("{}: is read\n", name_of(root));
  AnswerWriter answer{channel};
  try {
    engine_.save_image(root.image.empty() ? root.reference : root.image,
                       parameters_.rate_limit_kib,
                       [&answer](std::string_view block) { answer.bytes(block); });
  } catch (const Error& error) {
    if (error.reason() == "TRANSFER_CUT") throw;
    fmt::print("{}\n", error.message());
    trouble_ = error.message();
    answer.failed(error.message());
    return;
  }
  answer.end();
}

std::string Send::folder_of(const protocol::DataRoot& root) {
  std::string folder = root.path;
  if (root.kind == "image") throw Error{Code::invalid, name_of(root) + " is no folder"};
  if (root.kind == "volume") {
    const auto volume = engine_.volume(root.volume);
    if (!volume) throw Error{Code::not_found, name_of(root) + " is not on this host any more"};
    folder = volume->folder;
  }
  std::error_code failure;
  if (!folder.starts_with('/') || !std::filesystem::is_directory(folder, failure)) {
    throw Error{Code::not_found, fmt::format("{}: {} is no folder here", name_of(root), folder)};
  }
  return folder;
}

}  // namespace portoser::agent::transfer
