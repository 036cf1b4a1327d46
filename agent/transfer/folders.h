/// Which folders a move may write into or take away, and how one is taken away whole without ever
/// leaving it. Blocking; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace portoser::agent::transfer {

/// The reason of every refusal here.
inline constexpr auto folder_refused = "FOLDER_REFUSED";

/// Absolute, without "..", no root of the file system and no folder right below it, neither through
/// links; neither holds nor lies in `data` (the agent's folder). Else
/// `Error{invalid, FOLDER_REFUSED}`.
void check_folder(const std::string& path, const std::filesystem::path& data);

/// Also: it is not a link itself, and nothing is mounted on it or below. Not there: fine.
void check_removable(const std::string& path,
                     const std::filesystem::path& data,
                     const std::vector<std::string>& mounts);

/// `path` is `other` or lies in it; both as they are written.
bool is_within(const std::string& path, const std::string& other);
/// Through links as far as there is something.
std::string real_path(const std::string& path);

/// The folder with all that is in it, or with `keeps_folder` just that. Links are removed, not
/// followed; what is of another file system is an `Error{invalid, FOLDER_REFUSED}`. Not there:
/// fine. Something that was checked before may have been left out by then.
void remove_tree(const std::string& path, bool keeps_folder);

}  // namespace portoser::agent::transfer
