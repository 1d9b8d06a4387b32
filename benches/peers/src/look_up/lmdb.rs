//! LMDB, as the heed crate has it: written in the order of the keys, read in one transaction.

use std::error::Error;
use std::path::Path;

use heed::types::Bytes;
use heed::{
    CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, Error as LmdbError, PutFlags, RoTxn, WithTls,
};
use readdress_benches::pairs::Pairs;

/// Octets that the file may have at most.
const ROOM: usize = 8 << 30;

/// Writes a database; without waiting for the disk.
pub fn write(path: &Path, pairs: &Pairs) -> Result<(), Box<dyn Error>> {
    let environment = environment(path, EnvFlags::NO_SYNC)?;
    let create = environment.create_databases_and_commit(environment.write_txn()?, |opener, transaction| {
        let table: Database<Bytes, Bytes> = opener.create_database(transaction, None)?;
        Ok::<_, LmdbError>(CommitOrAbort::<_, ()>::Commit(table))
    });
    let table = create?.unwrap_commit();
    let mut transaction = environment.write_txn()?;
    for nth in pairs.sorted() {
        let (key, value) = pairs.get(nth as usize);
        table.put_with_flags(&mut transaction, PutFlags::APPEND, key.as_bytes(), value.as_bytes())?;
    }
    transaction.commit()?;
    Ok(())
}

/// A file, open for reading.
pub fn open(path: &Path) -> Result<Env, LmdbError> {
    environment(path, EnvFlags::READ_ONLY | EnvFlags::NO_LOCK)
}

fn environment(path: &Path, flags: EnvFlags) -> Result<Env, LmdbError> {
    let mut options = EnvOpenOptions::new();
    options.map_size(ROOM);
    // SAFETY: one process has the file at a time, and it need not survive the machine.
    unsafe { options.flags(EnvFlags::NO_SUB_DIR | flags).open(path) }
}

/// A database with a transaction that lasts.
pub struct Reader<'e> {
    table: Database<'e, Bytes, Bytes>,
    transaction: RoTxn<'e, WithTls>,
}

impl<'e> Reader<'e> {
    /// The one database of a file.
    pub fn new(environment: &'e Env) -> Result<Reader<'e>, Box<dyn Error>> {
        let open = environment.open_databases_and_commit(environment.read_txn()?, |opener, transaction| {
            let table = opener.open_database(transaction, None)?;
            Ok::<_, LmdbError>(table.map_or(CommitOrAbort::Abort(()), CommitOrAbort::Commit))
        });
        let table = open?.unwrap_commit();
        Ok(Reader { table, transaction: environment.read_txn()? })
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.table.get(&self.transaction, key.as_bytes()).expect("the file can be read")
    }
}
