#include "controller/registry/notes.h"

#include "controller/registry/masked.h"

#include <utility>

namespace portoser::registry {
namespace {

/// One broken generator must not make an answer of megabytes.
constexpr std::size_t max_findings = 100;

}  // namespace

void Notes::error(const Place& place, std::string message, std::string hint) {
  add(Severity::error, place, std::move(message), std::move(hint));
}

void Notes::warning(const Place& place, std::string message, std::string hint) {
  add(Severity::warning, place, std::move(message), std::move(hint));
}

void Notes::add(Severity severity, const Place& place, std::string message, std::string hint) {
  if (findings_.size() > max_findings && severity == Severity::warning) {
    return;
  }
  if (findings_.size() == max_findings && severity == Severity::warning) {
    message = "there are more warnings here than are listed";
    hint = "mend the first ones";
  }
  // Errors are always kept up to the double, so that too many warnings never hide one.
  if (findings_.size() > 2 * max_findings) {
    return;
  }
  findings_.push_back(Finding{severity,
                              place.path,
                              mask_text(message),
                              mask_text(hint),
                              place.mark.line,
                              place.mark.column});
}

}  // namespace portoser::registry
