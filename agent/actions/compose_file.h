/// What the compose file itself tells: which services are built, which are pulled. Blocking; any
/// thread.
#pragma once

#include "agent/actions/compose_arguments.h"

#include <string>

namespace portoser::agent::actions {

/// Whether an image is fetched anew although it is there.
bool is_pulled(const std::string& pull_policy);

/// `compose_service` empty: every service that no profile holds back. Merge keys and `extends` are
/// followed. A file that cannot be read as YAML has no needs: compose's own check says why.
///
/// Pulled is what has no `build`, unless its `pull_policy` is `never`, or `missing` and
/// `if_not_present`: an image that is there is then good enough, and one that is not is pulled by
/// `up` before it stops anything.
RebuildNeeds rebuild_needs(const std::string& file, const std::string& compose_service);
/// The same of a text that is to lie there.
RebuildNeeds rebuild_needs_of_text(const std::string& text,
                                   const std::string& file,
                                   const std::string& compose_service);

}  // namespace portoser::agent::actions
