//! The power of all three servers goes at once: what was acknowledged is there when it comes back.
//!
//! Each server keeps its records on a file system of its own, in an image. All servers stand still, the images are copied, and
//! the servers go on from the copies: a copy has what had reached the disk, and nothing of what only the system's memory held.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use muster_sim::run::rng::Rng;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{Cluster, SIZE},
    ledger::{Found, check, connect, write, write_surely},
    nats::{Home, deployed},
    root::{run, undo},
};

/// An image takes only the room that is used of it.
const IMAGE_BYTES: u64 = 1 << 30;

/// A record's size, in bytes.
const RECORD_BYTES: usize = 200;

/// Servers that sync every record are back within seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Twice as long as those that do need; one round of the faults takes no longer to show that others are not.
const CONTROL_PATIENCE: Duration = Duration::from_secs(15);

/// What one round showed.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// How long after the stream was made the power went.
    pub cut_after: Duration,
    /// Records that were acknowledged until then.
    pub acknowledged: usize,
    /// Those that nobody can read any more.
    pub lost: usize,
    /// How long after the power came back the next record was acknowledged, if one was.
    pub goes_on_after: Option<Duration>,
}

/// Fails unless everything acknowledged is there once, every replica is whole, and writes go on.
pub async fn round(seed: u64) -> Figures {
    let mut site = Site::start(&deployed("three.conf"));
    let (figures, Found { lost, broken }) = site.lose_power(seed, PATIENCE).await;
    assert_eq!((lost, broken), (Vec::new(), None), "seed {seed}: {figures:?}");
    assert!(figures.goes_on_after.is_some(), "seed {seed}: nothing is written after the power came back: {figures:?}");
    site.cluster.whole().await;
    assert_eq!(connect(&site.cluster).await.safety().await, [], "seed {seed}: every replica is whole");
    figures
}

/// The same with the servers' own settings, which sync every two minutes. Fails unless something was lost, for then the
/// rounds would show nothing.
pub async fn control(seed: u64) -> Figures {
    let directory = TempDir::new().expect("a directory for a configuration");
    let config = directory.path().join("default.conf");
    fs::write(&config, "jetstream {}\n").expect("it can be written");
    let (figures, _) = Site::start(&config).lose_power(seed, CONTROL_PATIENCE).await;
    assert!(figures.lost > 0, "seed {seed}: the power went and nothing was lost: {figures:?}");
    figures
}

/// When the power goes, after the stream was made: in a quarter of the rounds soon, when servers have compacted nothing yet.
fn moment(lots: &mut Rng, seed: u64) -> Duration {
    let (from, to) = if seed.is_multiple_of(4) { (1_000, 20_000) } else { (20_000, 60_000) };
    Duration::from_millis(lots.between(from, to).unsigned_abs())
}

/// Three servers, each with a disk of its own. Fields are dropped in order: a disk goes after its server.
struct Site {
    cluster: Cluster,
    disks: Vec<Disk>,
}

impl Site {
    fn start(config: &Path) -> Self {
        let disks: Vec<_> = (0..SIZE).map(|_| Disk::new()).collect();
        let homes = disks.iter().map(|disk| Home { store: Some(disk.mount.clone()), ..Home::default() });
        Self { cluster: Cluster::start_at(config, homes.collect()), disks }
    }

    /// Writes until the power goes; what is there when it is back.
    async fn lose_power(&mut self, seed: u64, patience: Duration) -> (Figures, Found) {
        let cut_after = moment(&mut Rng::new(seed, "power"), seed);
        let journal = connect(&self.cluster).await;
        let cut = AtomicBool::new(false);
        let writing = write(&journal, 0, RECORD_BYTES, |_| !cut.load(Ordering::Relaxed));
        let losing = async {
            sleep(cut_after).await;
            self.cluster.freeze();
            cut.store(true, Ordering::Relaxed);
            self.disks.iter_mut().for_each(Disk::take_image);
        };
        let (acknowledged, ()) = tokio::join!(writing, losing);
        self.cluster.kill();
        self.disks.iter_mut().for_each(Disk::mount_taken);
        let back = Instant::now();
        self.cluster.restart();
        let goes_on = write_surely(&journal, u64::MAX, RECORD_BYTES, patience).await;
        let goes_on_after = goes_on.is_ok().then(|| back.elapsed());
        let found = check(&journal, &acknowledged, RECORD_BYTES).await;
        let figures = Figures { cut_after, acknowledged: acknowledged.len(), lost: found.lost.len(), goes_on_after };
        (figures, found)
    }
}

/// A file system of its own, in an image. Dropping it removes both.
struct Disk {
    image: PathBuf,
    taken: PathBuf,
    mount: PathBuf,
    _directory: TempDir,
}

impl Disk {
    fn new() -> Self {
        let directory = TempDir::new().expect("a directory for an image");
        let [image, taken, mount] = ["image", "taken", "mount"].map(|name| directory.path().join(name));
        fs::File::create(&image).and_then(|file| file.set_len(IMAGE_BYTES)).expect("an image can be made");
        fs::create_dir(&mount).expect("a directory can be made");
        run(&format!("mkfs.ext4 -q {}", image.display()));
        let disk = Self { image, taken, mount, _directory: directory };
        disk.mount();
        disk
    }

    fn mount(&self) {
        run(&format!("mount -o loop {} {}", self.image.display(), self.mount.display()));
    }

    /// Copies what has reached the disk. What the system writes meanwhile would make a copy of no one moment: then it is
    /// copied again.
    fn take_image(&mut self) {
        loop {
            let before = self.written();
            run(&format!("cp --sparse=always {} {}", self.image.display(), self.taken.display()));
            if self.written() == before {
                break;
            }
        }
    }

    /// What the system has counted of the disk's reads and writes, those under way among them.
    fn written(&self) -> String {
        let device = run(&format!("findmnt --noheadings --output SOURCE {}", self.mount.display()));
        fs::read_to_string(device.replace("/dev", "/sys/class/block") + "/stat").expect("a disk has figures")
    }

    /// Goes on with what was copied: no server may run.
    fn mount_taken(&mut self) {
        run(&format!("umount {}", self.mount.display()));
        fs::rename(&self.taken, &self.image).expect("the copy can take its place");
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        undo(&format!("umount {}", self.mount.display()));
    }
}
