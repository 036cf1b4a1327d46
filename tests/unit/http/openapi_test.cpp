#include "controller/http/openapi.h"

#include "tests/unit/http/test_server.h"

#include <gtest/gtest.h>

namespace portoser::http {
namespace {

struct Made {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(Made, (), (name))

/// Made at the first request; there already at the next.
struct Maker {
  Answer<Made> make(Call<void> /*call*/) {
    Answer<Made> answer;
    answer.body.name = "it";
    answer.status = std::exchange(made, true) ? 200 : 201;
    return answer;
  }
  bool made = false;
};

class OpenApi : public testing::Test {
 protected:
  OpenApi() {
    api_.add_to(router_);
    document_ = Json::parse(openapi_document(router_, "Portoser"));
  }
  TestApi api_;
  Router router_;
  Json document_;
};

TEST_F(OpenApi, DescribesAnOperationWhole) {
  EXPECT_EQ(document_["openapi"], "3.1.0");
  const auto& post = document_["paths"]["/api/services/{service}/echo"]["post"];
  EXPECT_EQ(post["summary"], "Says it again");
  EXPECT_EQ(post["tags"], Json::array({"services"}));
  EXPECT_EQ(post["x-role"], "operator");
  EXPECT_EQ(post["operationId"], "post_api_services_service_echo");
  EXPECT_EQ(post["parameters"][0]["name"], "service");
  EXPECT_EQ(post["parameters"][0]["in"], "path");
  const auto& body = post["requestBody"]["content"]["application/json"]["schema"];
  EXPECT_EQ(body["properties"]["times"]["type"], "integer");
  const auto& answer = post["responses"]["200"]["content"]["application/json"]["schema"];
  EXPECT_EQ(answer["properties"]["user"]["type"], "string");
  for (const auto* status : {"400", "401", "403", "404", "409", "413", "422", "500"}) {
    EXPECT_EQ(post["responses"][status]["$ref"], "#/components/responses/Error") << status;
  }
}

TEST_F(OpenApi, ListsQueryParametersSocketsAndStatusesWithoutBody) {
  const auto& get = document_["paths"]["/api/services/{service}"]["get"];
  EXPECT_EQ(get["parameters"][1]["name"], "tail");
  EXPECT_EQ(get["parameters"][1]["schema"], (Json{{"type", "integer"}}));
  EXPECT_EQ(get["parameters"][2]["schema"],
            (Json{{"type", "string"}, {"enum", {"oldest", "newest"}}}));
  EXPECT_TRUE(get["responses"].contains("400")) << "of an unknown word";
  EXPECT_TRUE(get["responses"].contains("422")) << "of a number that is none";
  EXPECT_TRUE(document_["paths"]["/api/services/{service}"]["delete"]["responses"].contains("204"));
  EXPECT_EQ(document_["x-websockets"]["/ws/echo/{name}"]["x-role"], "viewer");
  EXPECT_EQ(document_["x-websockets"]["/ws/echo/{name}"]["x-client-actions"], Json::array({"say"}));
  EXPECT_EQ(document_["x-websockets"]["/ws/echo/{name}"]["x-server-types"], Json::array({"said"}));
  EXPECT_FALSE(document_["paths"].contains("/ws/echo/{name}"));
}

TEST_F(OpenApi, DescribesWhatAResponseHoldsAsItsRouteDeclaresIt) {
  const auto& content = document_["paths"]["/api/shared"]["get"]["responses"]["200"]["content"];
  EXPECT_EQ(content["application/json"]["schema"]["properties"]["shared"]["type"], "boolean");
  EXPECT_EQ(content["text/csv"]["schema"]["type"], "string");
}

TEST_F(OpenApi, PublicRoutesNeedNoToken) {
  const auto& ping = document_["paths"]["/ping"]["get"];
  EXPECT_EQ(ping["security"], Json::array());
  EXPECT_FALSE(ping["responses"].contains("401"));
}

TEST(OpenApiAnswers, ARouteMayHaveTwoStatusesThatMeanSuccess) {
  Maker maker;
  Router router;
  Route route;
  route.method = Method::post;
  route.path = "/things";
  route.success_status = 201;
  route.repeat_status = 200;
  router.add(std::move(route), maker, &Maker::make);
  const auto document = Json::parse(openapi_document(router, "Portoser"));
  const auto& responses = document["paths"]["/things"]["post"]["responses"];
  for (const auto* status : {"200", "201"}) {
    const auto& schema = responses[status]["content"]["application/json"]["schema"];
    EXPECT_EQ(schema["properties"]["name"]["type"], "string") << status;
  }
  const Request request;
  const std::vector<std::string> none;
  const auto& handle = router.endpoints().at(0)->at_once;
  EXPECT_EQ(handle(CallContext{request, none, none}).status, 201U);
  const auto again = handle(CallContext{request, none, none});
  EXPECT_EQ(again.status, 200U);
  EXPECT_EQ(again.text(), R"({"name":"it"})");
}

TEST(OpenApiServed, ByTheListenerThatIsAskedTo) {
  ListenerSettings listener;
  listener.openapi_title = "Portoser";
  TestServer with{{}, listener, true};
  const auto answer = HttpClient{with.port}.get("/openapi.json");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(Json::parse(answer.body)["info"]["title"], "Portoser");
  TestServer without{{}, {}, true};
  EXPECT_EQ(HttpClient{without.port}.get("/openapi.json").status, 404U);
}

}  // namespace
}  // namespace portoser::http
