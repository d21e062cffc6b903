use offline_core::BoxFuture;
use wasm_bindgen::JsValue;
use web_sys::{IdbDatabase, IdbIndexParameters, IdbObjectStore, IdbObjectStoreParameters, IdbTransaction};

use crate::{
    global::Global,
    idb::{DbError, Failure, Schema, Transaction},
};

/// Rows of unsettled commands, by `seq`: see the module `block`.
pub(super) const COMMANDS: &str = "commands";
/// One row per flight, by its id.
pub(super) const FLIGHTS: &str = "flights";
/// Rows of several entries each, by a growing number.
pub(super) const JOURNAL: &str = "journal";
/// The lease, the tally and the device's id, by name.
pub(super) const META: &str = "meta";

/// Every store.
pub(super) const STORES: [&str; 4] = [COMMANDS, FLIGHTS, JOURNAL, META];

/// Index of `commands`: its command id. Of `journal`: those of its entries.
pub(super) const BY_ID: &str = "id";
/// Index of `commands`: the records it touches.
pub(super) const BY_TOUCHES: &str = "touches";
/// Index of `commands`: only those that are parked.
pub(super) const BY_PARKED: &str = "parked";
/// Index of `journal`: `[record, version, command id]` of what its entries wrote.
pub(super) const BY_VERSIONS: &str = "versions";

const DEVICE: &str = "device";

/// The layout of the partition's database.
pub(super) const SCHEMA: Schema = Schema { version: 2, upgrade, identify, identity_scope: &[META] };

/// Brings the database from `old` to the newest version, one numbered step after the other.
fn upgrade(database: &IdbDatabase, transaction: &IdbTransaction, old: u32) -> Result<(), JsValue> {
    if old < 1 {
        first_version(database)?;
        put_device(transaction)?;
    }
    if old < 2 {
        rows_of_several(transaction)?;
    }
    Ok(())
}

fn first_version(database: &IdbDatabase) -> Result<(), JsValue> {
    let commands = create(database, COMMANDS, Some("seq"))?;
    index(&commands, BY_ID, Index::Unique)?;
    index(&commands, BY_TOUCHES, Index::MultiEntry)?;
    index(&commands, BY_PARKED, Index::Plain)?;
    create(database, FLIGHTS, None)?;
    let journal = create(database, JOURNAL, Some("at"))?;
    index(&journal, BY_ID, Index::MultiEntry)?;
    index(&journal, BY_VERSIONS, Index::MultiEntry)?;
    create(database, META, None)?;
    Ok(())
}

/// A row of `commands` may hold several: what finds one by its id has to look into a list.
fn rows_of_several(transaction: &IdbTransaction) -> Result<(), JsValue> {
    let commands = transaction.object_store(COMMANDS)?;
    commands.delete_index(BY_ID)?;
    index(&commands, BY_ID, Index::UniqueEntries)
}

/// The id of this installation, random and made once with the database. Another database of the same name has another one.
fn put_device(transaction: &IdbTransaction) -> Result<(), JsValue> {
    let id = uuid::Builder::from_random_bytes(Global::random_bytes()).into_uuid().to_string();
    transaction.object_store(META)?.put_with_key(&id.into(), &DEVICE.into())?;
    Ok(())
}

fn identify(tx: Transaction) -> BoxFuture<'static, Result<String, DbError>> {
    Box::pin(async move {
        let id = tx.pending(tx.store(META)?.get(&DEVICE.into()))?.await?;
        Ok(id.as_string().unwrap_or_default())
    })
}

/// Deletes every row.
pub(super) fn empty(tx: &Transaction) -> Result<(), Failure> {
    for store in STORES {
        tx.store(store)?.clear().map_err(DbError::thrown)?;
    }
    Ok(())
}

fn create(
    database: &IdbDatabase,
    name: &str,
    generated_key: Option<&str>,
) -> Result<IdbObjectStore, JsValue> {
    let parameters = IdbObjectStoreParameters::new();
    if let Some(path) = generated_key {
        parameters.set_key_path(&path.into());
        parameters.set_auto_increment(true);
    }
    database.create_object_store_with_optional_parameters(name, &parameters)
}

#[derive(Clone, Copy)]
enum Index {
    Plain,
    Unique,
    MultiEntry,
    UniqueEntries,
}

/// An index on the property of its name.
fn index(store: &IdbObjectStore, name: &str, index: Index) -> Result<(), JsValue> {
    let parameters = IdbIndexParameters::new();
    match index {
        Index::Plain => {}
        Index::Unique => parameters.set_unique(true),
        Index::MultiEntry => parameters.set_multi_entry(true),
        Index::UniqueEntries => {
            parameters.set_unique(true);
            parameters.set_multi_entry(true);
        }
    }
    store.create_index_with_str_and_optional_parameters(name, name, &parameters).map(drop)
}
