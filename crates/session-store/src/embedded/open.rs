//! Opening the directory: lock it, create what is missing, refuse what is not ours.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::engine::{Keyspaces, Space};
use super::layout::{FORMAT, FORMAT_KEY};
use super::lock::DirectoryLock;

/// The database.
const DATA: &str = "data";
/// A database that is being created, or whose creation was cut off. Nothing was ever acknowledged from it.
const INCOMPLETE: &str = "data.incomplete";
/// How many bytes of full journals there may be before keyspaces that hold them up write out their memtables. Opening reads all
/// journals, entry by entry, and a keyspace that is seldom written to keeps them all for one entry: with the usual half a gigabyte a
/// service was without its sessions for seconds at each start. A journal is full at 64 MB, and the newest full one is always held
/// up by what is just being written out: less than two of them would have small memtables written again and again.
const JOURNALS: u64 = 160 * 1_024 * 1_024;
/// How many threads write out memtables and compact. With several, fjall 3.1 keeps one of them free for memtables by having it put
/// each compaction back into the queue at once: while another compacts, it does so as fast as a core can.
const WORKERS: usize = 1;

/// The store in a directory cannot be opened. Nothing was changed in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is open already.
    #[error(
        "the session store in {} is in use: stop the other process that has it open (or close it where this process \
         opened it first), or give this one a directory of its own",
        dir.display()
    )]
    Locked {
        /// The store's directory.
        dir: PathBuf,
    },
    /// There is something else under this name.
    #[error("{} is not a directory: name one, or a path where one can be created", dir.display())]
    NotADirectory {
        /// The path that was given.
        dir: PathBuf,
    },
    /// Its `data` was not written by this store.
    #[error("{}/data is not a session store's: give the store a directory of its own", dir.display())]
    Foreign {
        /// The store's directory.
        dir: PathBuf,
    },
    /// A newer version of this software wrote it.
    #[error(
        "the session store in {} is of format {found}, and this version reads up to format {FORMAT}: run the version that \
         wrote it, or a later one",
        dir.display()
    )]
    FormatTooNew {
        /// The store's directory.
        dir: PathBuf,
        /// The format that was found.
        found: u32,
    },
    /// The file system refused.
    #[error("the session store in {} cannot be opened", dir.display())]
    Io {
        /// The store's directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database could not be recovered.
    #[error("the database of the session store in {} cannot be opened", dir.display())]
    Engine {
        /// The store's directory.
        dir: PathBuf,
        /// Why, in the words of the engine (fjall).
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    pub(super) fn io(dir: &Path, source: io::Error) -> Self {
        let dir = dir.into();
        Self::Io { dir, source }
    }

    fn engine(dir: &Path, source: fjall::Error) -> Self {
        Self::Engine {
            dir: dir.into(),
            source: Box::new(source),
        }
    }
}

/// An opened database and the right to it.
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) keyspaces: Keyspaces,
    pub(super) lock: DirectoryLock,
}

/// Whether a store was made in `dir`: its database has its name only once it is complete.
pub(super) fn is_store(dir: &Path) -> io::Result<bool> {
    dir.join(DATA).try_exists()
}

pub(super) fn open(dir: &Path) -> Result<Opened, OpenError> {
    make_directory(dir)?;
    let lock = DirectoryLock::take(dir)?;
    let data = dir.join(DATA);
    if !data.try_exists().map_err(|source| OpenError::io(dir, source))? {
        create(dir)?;
    }
    let engine = |source| OpenError::engine(dir, source);
    let database = Database::builder(&data)
        .max_journaling_size(JOURNALS)
        .worker_threads(WORKERS)
        .open()
        .map_err(engine)?;
    if !database.keyspace_exists(Space::Meta.name()) {
        return Err(OpenError::Foreign { dir: dir.into() });
    }
    let keyspaces = keyspaces(&database).map_err(engine)?;
    match format(&keyspaces[Space::Meta]).map_err(engine)? {
        None => Err(OpenError::Foreign { dir: dir.into() }),
        Some(found) if found > FORMAT => Err(OpenError::FormatTooNew { dir: dir.into(), found }),
        Some(_) => Ok(Opened {
            database,
            keyspaces,
            lock,
        }),
    }
}

/// The directory with access for its owner alone; one that exists keeps its mode. The files in it inherit the umask: it is
/// the directory that keeps others out.
fn make_directory(dir: &Path) -> Result<(), OpenError> {
    match fs::metadata(dir) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(OpenError::NotADirectory { dir: dir.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(OpenError::NotADirectory { dir: dir.into() });
        }
        Err(source) => return Err(OpenError::io(dir, source)),
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|source| OpenError::io(dir, source))?;
    match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_directory(parent).map_err(|source| OpenError::io(dir, source)),
        None => Ok(()),
    }
}

/// A database that exists under its name is complete: it is made under another and renamed. So an opening that is cut off
/// leaves nothing that a later one trips over, and what is cleared away here was never anyone's data.
fn create(dir: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::io(dir, source);
    let engine = |source| OpenError::engine(dir, source);
    let incomplete = dir.join(INCOMPLETE);
    if incomplete.try_exists().map_err(io)? {
        fs::remove_dir_all(&incomplete).map_err(io)?;
    }
    let database = Database::builder(&incomplete).open().map_err(engine)?;
    let keyspaces = keyspaces(&database).map_err(engine)?;
    let mut batch = database.batch().durability(Some(PersistMode::SyncAll));
    batch.insert(&keyspaces[Space::Meta], FORMAT_KEY, FORMAT.to_be_bytes());
    batch.commit().map_err(engine)?;
    // The last handle stops the database's threads: nothing uses the old name after this.
    drop((keyspaces, database));
    fs::rename(&incomplete, dir.join(DATA)).map_err(io)?;
    sync_directory(dir).map_err(io)
}

fn keyspaces(database: &Database) -> Result<Keyspaces, fjall::Error> {
    Keyspaces::try_from_fn(|space| database.keyspace(space.name(), || options(space)))
}

/// How much of a keyspace stays in memory until it is written out, in bytes. While that is being written the next fills; where writes
/// come faster than compacting lets them go, fjall holds the writer up at four that wait. So these sizes bound the resident memory of
/// a busy service. A store keeps those it was made with.
///
/// Indexes that are swept keep their deleted keys in memory until then, and a sweep steps over each: small ones keep them few.
/// Sessions are rewritten at each refresh, and the more of them are written out at once, the less often the levels below are.
const fn memtable_bytes(space: Space) -> u64 {
    const MIB: u64 = 1_024 * 1_024;
    match space {
        Space::Sessions => 32 * MIB,
        Space::Drafts => 16 * MIB,
        Space::BySubject
        | Space::Due
        | Space::Feed
        | Space::Meta
        | Space::DraftIndex
        | Space::DraftDue
        | Space::Events => 8 * MIB,
    }
}

fn options(space: Space) -> KeyspaceCreateOptions {
    // Sessions are looked up by ids that are mostly there.
    KeyspaceCreateOptions::default()
        .max_memtable_size(memtable_bytes(space))
        .expect_point_read_hits(space == Space::Sessions)
}

fn format(meta: &Keyspace) -> Result<Option<u32>, fjall::Error> {
    let bytes = meta.get(FORMAT_KEY)?;
    Ok(bytes.and_then(|bytes| Some(u32::from_be_bytes(*bytes.first_chunk()?))))
}

#[cfg(unix)]
fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A directory cannot be opened as a file here, and its entries are journaled by the file system.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
