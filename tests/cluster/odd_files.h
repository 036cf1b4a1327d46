/// Files of all kinds that a copy can get wrong, and what there is to say of a folder's content, so
/// that a copy can be compared with what was copied. Written apart from what moves services.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace portoser::test {

/// Makes `folder` and in it: odd names, owners, modes and times, links of both kinds, a sparse
/// file, a pipe, extended attributes, an access list, a file capability, and `random_mebibytes`
/// that no compression makes smaller. Needs root, and a file system that has all of that:
/// `Error{internal}` names what it lacks.
void make_odd_files(const std::filesystem::path& folder, std::size_t random_mebibytes = 0);

/// A line for each entry below `folder` (by its path; "." is the folder itself): type, mode, owner,
/// modification time in nanoseconds, size, device, link target, which names are one file, whether
/// it is sparse, extended attributes, SHA-256 of the content.
std::map<std::string, std::string> manifest_of(const std::filesystem::path& folder);

/// What is not the same in both: a sentence for each path, at most twenty.
std::vector<std::string> differences(const std::map<std::string, std::string>& wanted,
                                     const std::map<std::string, std::string>& found);

}  // namespace portoser::test
