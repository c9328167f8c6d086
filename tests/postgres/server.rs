//! A PostgreSQL server of the tests' own: Debian's programs, a private port, gone with the tests.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A server and whoever stops it when this process is no more.
pub(crate) struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    environment: Vec<(String, String)>,
    _keeper: Child,
}

/// The one server of this test binary. It does not sync: only power cuts would tell.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::begin("off"))
}

impl Server {
    /// Makes a server and starts it; `fsync` is `on` or `off`.
    pub(crate) fn begin(fsync: &str) -> Self {
        Self::begin_in(fsync, Vec::new())
    }

    /// The same, with these variables in its environment.
    pub(crate) fn begin_in(fsync: &str, environment: Vec<(String, String)>) -> Self {
        let programs = programs();
        let folder = new_folder();
        let books = folder.join("books");
        said(as_postgres(programs.join("initdb")).arg("-D").arg(&books).args([
            "-A",
            "trust",
            "-U",
            "pixelgate",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]));
        let port = free_port();
        let keeper = keeper(&programs, &folder);
        let databases = AtomicU32::new(0);
        let server = Self { programs, folder, port, databases, environment, _keeper: keeper };
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n\
             fsync = {fsync}\nmax_connections = 300\nlog_min_messages = warning\n\
             shared_buffers = 64MB\nmax_wal_size = 2GB\n"
        );
        append(&books.join("postgresql.conf"), &settings);
        server.start();
        server
    }

    /// A server that follows this one; from here on no commit is told before the other has it.
    pub(crate) fn standby(&self) -> Self {
        let folder = new_folder();
        let books = folder.join("books");
        let copying = ["-h", "127.0.0.1", "-U", "pixelgate", "-R", "-X", "stream", "-c", "fast"];
        let mut copy = as_postgres(self.programs.join("pg_basebackup"));
        copy.args(copying).args(["--no-sync", "-p", &self.port.to_string(), "-D"]).arg(&books);
        said(&mut copy);
        let port = free_port();
        // Nobody follows it yet, so it waits for nobody.
        let settings = format!("port = {port}\nsynchronous_standby_names = ''\n");
        append(&books.join("postgresql.auto.conf"), &settings);
        let standby = Self {
            programs: self.programs.clone(),
            port,
            databases: AtomicU32::new(self.databases.load(Ordering::Relaxed)),
            environment: self.environment.clone(),
            _keeper: keeper(&self.programs, &folder),
            folder,
        };
        standby.start();
        self.run("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.run("postgres", "SELECT pg_reload_conf()");
        let following = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while self.run("postgres", following).trim() != "1" {
            std::thread::yield_now();
        }
        standby
    }

    /// Makes a standby the server that is written to.
    pub(crate) fn promote(&self) {
        let promoted = self.control().args(["promote", "-w"]).output().unwrap();
        assert!(promoted.status.success(), "PostgreSQL was not promoted");
    }

    /// Starts what was stopped.
    pub(crate) fn start(&self) {
        let log = self.folder.join("log");
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        let mut starting = self.control();
        let started = starting.envs(environment).args(["start", "-w", "-l"]).arg(&log).output();
        let started = started.unwrap();
        let told = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(started.status.success(), "PostgreSQL did not start:\n{told}");
    }

    /// Stops it as a power cut would: nobody is asked.
    pub(crate) fn stop(&self) {
        let stopped = self.control().args(["stop", "-w", "-m", "immediate"]).output().unwrap();
        assert!(stopped.status.success(), "PostgreSQL did not stop");
    }

    /// A new database, and its address.
    pub(crate) fn new_database(&self) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name}"));
        self.address(&name)
    }

    /// The address of a database.
    pub(crate) fn address(&self, database: &str) -> String {
        format!("postgres://pixelgate@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Runs a statement; what it says, rows as lines.
    pub(crate) fn run(&self, database: &str, statement: &str) -> String {
        said(
            Command::new(self.programs.join("psql"))
                .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"])
                .arg(self.address(database))
                .args(["-c", statement]),
        )
    }

    fn control(&self) -> Command {
        let mut command = as_postgres(self.programs.join("pg_ctl"));
        command.arg("-D").arg(self.folder.join("books"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// A folder of a server's own.
fn new_folder() -> PathBuf {
    let folder = said(as_postgres("mktemp").args(["-d", "-t", "pixelgate-postgres-XXXXXX"]));
    PathBuf::from(folder.trim())
}

/// Adds lines to a file of the server's.
fn append(file: &Path, lines: &str) {
    let mut adding = as_postgres("tee")
        .arg("-a")
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    adding.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(adding.wait().unwrap().success());
}

/// The database of an address that [`Server::new_database`] gave.
pub(crate) fn database_of(address: &str) -> &str {
    let path = address.rsplit('/').next().unwrap();
    path.split('?').next().unwrap()
}

/// Where Debian has the newest server's programs.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").ok();
    let versions = installed.into_iter().flatten().filter_map(|entry| {
        let path = entry.ok()?.path().join("bin");
        let version: u32 = path.parent()?.file_name()?.to_str()?.parse().ok()?;
        path.join("initdb").exists().then_some((version, path))
    });
    let newest = versions.max_by_key(|(version, _)| *version);
    newest.expect("PostgreSQL is missing: run scripts/need postgresql").1
}

/// PostgreSQL does not run as root.
fn as_postgres(program: impl AsRef<Path>) -> Command {
    let program = program.as_ref();
    let is_root = said(Command::new("id").arg("-u")).trim() == "0";
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

/// Waits for the end of its input, which is the end of this process, however that comes.
fn keeper(programs: &Path, folder: &Path) -> Child {
    as_postgres("sh")
        .args([
            "-c",
            "cat >/dev/null; \"$1\"/pg_ctl -D \"$2\"/books stop -m immediate; rm -rf \"$2\"",
        ])
        .arg("keeper")
        .arg(programs)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
