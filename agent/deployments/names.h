/// Names that deployments and what is kept of them have on disks and in the engine, whatever their
/// services are called. Pure.
#pragma once

#include <set>
#include <string>

namespace portoser::agent::deployments {

/// The folder of a service: its name, with what a path cannot take as %XX. No two services share
/// one.
std::string folder_name(const std::string& service);

/// "portoser-kept/<service>-<compose service>", as a repository may be called: small letters,
/// digits and single separators. One that is in `taken` gets a number behind it, and is then in
/// there too.
std::string kept_repository(const std::string& service,
                            const std::string& compose_service,
                            std::set<std::string>& taken);

/// The project of a compose file: what compose makes of its folder's name where `project` is empty.
std::string project_of(const std::string& project, const std::string& file);

/// A name of an image in two parts; no tag means "latest".
struct ImageName {
  std::string repository;
  std::string tag;
};
ImageName split_image(const std::string& reference);

/// It says the very bytes ("name@sha256:...", "sha256:..."), so that no name can be given to
/// others.
bool names_digest(const std::string& reference);

}  // namespace portoser::agent::deployments
