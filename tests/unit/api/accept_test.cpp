#include "controller/api/accept.h"

#include <gtest/gtest.h>

namespace portoser::api {
namespace {

using telemetry::Format;

struct Wish {
  const char* accept;
  Format format;
};

TEST(Accept, ChoosesTheFormatThatTheClientWouldRatherHave) {
  const Wish wishes[] = {
      // Prometheus 2.42, and one that was told to take text only.
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
       "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       Format::openmetrics},
      {"text/plain;version=0.0.4;q=1,*/*;q=0.1", Format::text},
      {"", Format::text},
      {"*/*", Format::text},
      {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::text},
      {"application/openmetrics-text", Format::openmetrics},
      {"Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8", Format::openmetrics},
      {"application/openmetrics-text;version=0.0.1", Format::text},
      {"application/openmetrics-text;version=2.0.0", Format::text},
      {"application/openmetrics-text;q=0", Format::text},
      {"application/openmetrics-text;q=0.4,text/plain;q=0.5", Format::text},
      {"application/openmetrics-text;q=0.5,text/plain;q=0.5", Format::openmetrics},
      {"application/openmetrics-text;q=0.2,text/plain;q=0.1,*/*", Format::openmetrics},
      {"application/openmetrics-text;q=0.2,*/*", Format::text},
      {"application/openmetrics-text;q=0.2,text/*;q=0.1,*/*", Format::openmetrics},
      {" text/plain ; q=0.3 , application/openmetrics-text ; q=0.9 ", Format::openmetrics},
      {"application/openmetrics-text;q=2", Format::text},
      {"application/openmetrics-text;q=high", Format::text},
      {"application/openmetrics-text;q=nan", Format::text},
      {",,;q=1,;=;", Format::text},
  };
  for (const auto& wish : wishes) EXPECT_EQ(format_for(wish.accept), wish.format) << wish.accept;
}

}  // namespace
}  // namespace portoser::api
