/// What each room is told of the controller's settings.
#pragma once

#include "controller/deployment/deploy_command.h"
#include "controller/deployment/move_job.h"
#include "controller/deployment/routing.h"
#include "controller/deployment/service_actions.h"
#include "controller/descriptors.h"
#include "controller/fleet/fleet.h"
#include "controller/http/server.h"
#include "controller/settings.h"
#include "controller/storage/retention.h"
#include "controller/telemetry/collection.h"
#include "controller/telemetry/remote_write.h"
#include "controller/telemetry/series.h"

#include <string>

namespace portoser {

http::ListenerSettings listener_settings(const ControllerSettings& limits,
                                         const std::string& address,
                                         std::uint16_t port,
                                         std::string port_setting,
                                         std::size_t connections);
http::ServerSettings server_settings(const ControllerSettings& settings);
fleet::FleetSettings fleet_settings(const ControllerSettings& settings,
                                    const protocol::KeyPair& keys,
                                    const DescriptorShares& shares);
storage::RetentionSettings retention_settings(const ControllerSettings& settings);
telemetry::SeriesSettings series_settings(const ControllerSettings& settings);
telemetry::RemoteWriteSettings remote_write_settings(const ControllerSettings& settings);
deployment::ActionLimits action_limits(const ControllerSettings& settings);
deployment::MoveLimits move_limits(const ControllerSettings& settings);
deployment::DeployLimits deploy_limits(const ControllerSettings& settings);
deployment::RoutingSettings routing_settings(const ControllerSettings& settings);
telemetry::CollectionSettings collection_settings(const ControllerSettings& settings);

}  // namespace portoser
