#include "common/version.h"

namespace portoser {

const std::string_view version = PORTOSER_VERSION;

}  // namespace portoser
