#include "common/version.h"

namespace portoser {

const std::string_view version = PORTOSER_VERSION;
const std::string_view revision = PORTOSER_REVISION;

}  // namespace portoser
