#include "controller/api/edit_terms.h"

#include "controller/api/entity_tags.h"

namespace portoser::api {

registry::EditTerms edit_terms_of(const http::CallContext& call) {
  registry::EditTerms terms;
  terms.who = call.user().name;
  terms.if_revision = if_match(call.request());
  return terms;
}

}  // namespace portoser::api
