/// The devices table as other stores of the room use it, inside their own transaction.
#pragma once

#include "common/error.h"
#include "controller/storage/device_store.h"

#include <optional>
#include <string>

namespace portoser::storage {

class Connection;

/// As `DeviceStore::insert`.
void insert_device(Connection& connection, const DeviceRecord& record);
/// As `DeviceStore::replace_key`; a device has a key or a credential.
void replace_device_key(Connection& connection,
                        const std::string& id,
                        const std::string& public_key,
                        const std::optional<std::string>& credential_hash);
/// As `DeviceStore::update_facts`.
void update_device_facts(Connection& connection,
                         const std::string& id,
                         const std::string& facts,
                         const std::string& agent_version);
/// Replaces `DeviceRecord::declared`; an id that is not there: `Error{not_found}`.
void update_device_declared(Connection& connection,
                            const std::string& id,
                            const std::string& declared);
/// Frees the name of a device that nobody has let in: a claim without a token is forgotten, the key
/// of a rejected one stays refused. False: it was let in, or came with a token.
bool give_way(Connection& connection, const DeviceRecord& device);
/// `Error{forbidden}`, DEVICE_REJECTED.
Error rejected_device(const std::string& name);
/// The device of that name that is not removed.
std::optional<DeviceRecord> device_named(Connection& connection, const std::string& name);

}  // namespace portoser::storage
