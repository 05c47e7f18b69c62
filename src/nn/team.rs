//! Tasks shared among threads. One mask's operations take microseconds, and a thread of rayon's that
//! finds nothing to do sleeps: waking it takes longer than its task. So a section of a plan that runs by
//! itself has helpers that look for the next operation without sleeping; anything else has rayon's
//! threads.

use std::any::Any;
use std::cell::Cell;
use std::hint::spin_loop;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Builder, Thread};
use std::time::{Duration, Instant};

/// How long a helper looks for work before it sleeps.
const AWAKE: Duration = Duration::from_micros(500);
/// More would wait for one another at the counters.
const MOST_HELPERS: usize = 15;

/// Sections that run now.
static SECTIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static IN_SECTION: Cell<bool> = const { Cell::new(false) };
}

/// One of [`SECTIONS`].
struct Running;

impl Running {
    fn new() -> Self {
        SECTIONS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        SECTIONS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs a section of a plan on this thread: alone, its operations share their tasks with helpers.
pub(crate) fn section<R>(f: impl FnOnce() -> R) -> R {
    let _running = Running::new();
    within(true, f)
}

/// Runs several sections at once: none of them is alone, not even the first or the last one.
pub(crate) fn side_by_side<R>(f: impl FnOnce() -> R) -> R {
    let _running = Running::new();
    f()
}

/// Runs `f` as if this thread were within a section, or outside of any.
fn within<R>(section: bool, f: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            IN_SECTION.set(self.0);
        }
    }
    let _before = Before(IN_SECTION.replace(section));
    f()
}

/// Calls `f` with each of `0..n`, on several threads if there may be more than one.
pub(super) fn each(threads: usize, n: usize, f: impl Fn(usize) + Sync + Send) {
    use rayon::prelude::*;
    if threads <= 1 || n <= 1 {
        return (0..n).for_each(f);
    }
    let alone = IN_SECTION.get() && SECTIONS.load(Ordering::Relaxed) == 1;
    match alone.then(Team::mine).flatten() {
        Some(team) => team.share(n, &f),
        None => (0..n).into_par_iter().with_max_len(1).for_each(f),
    }
}

/// Calls `f` with each piece of so many of `values` and its number; a task has `together` pieces.
pub(crate) fn each_piece<T: Send>(
    threads: usize,
    values: &mut [T],
    piece: usize,
    together: usize,
    f: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    let (len, share) = (values.len(), piece * together);
    let shared = super::shared::Shared(values.as_mut_ptr());
    each(threads, len.div_ceil(share), |task| {
        let from = task * share;
        // SAFETY: each task has values of its own.
        let own = unsafe { std::slice::from_raw_parts_mut(shared.at(from), share.min(len - from)) };
        own.chunks_mut(piece).enumerate().for_each(|(i, own)| f(task * together + i, own));
    });
}

type Panic = Box<dyn Any + Send>;
type Task<'a> = dyn Fn(usize) + Sync + 'a;

/// Helpers, and the work that they may join. What one thread writes lies apart from what others do: a cache line that
/// goes from core to core takes as long as a small task.
struct Team {
    helpers: OnceLock<Vec<Thread>>,
    call: Call,
    /// Of the leader, then of each helper.
    own: Vec<Own>,
    asleep: AtomicUsize,
    panic: Mutex<Option<Panic>>,
}

/// What the leader says.
#[derive(Default)]
#[repr(align(128))]
struct Call {
    /// Odd while there is work, another number each time.
    turn: AtomicUsize,
    work: Cell<Option<(*const Task<'static>, usize)>>,
}

/// What is of one thread.
#[derive(Default)]
#[repr(align(128))]
struct Own {
    /// The next task of its share.
    next: AtomicUsize,
    /// It looks at the work.
    inside: AtomicBool,
}

// SAFETY: `work` is written by the one thread that leads, between the turns, and read by helpers inside that found
// their turn still on; the tasks may be called from any thread, and live until all helpers are outside again.
unsafe impl Sync for Team {}

/// A team that this thread leads.
struct Leader {
    team: &'static Team,
    _others_wait: MutexGuard<'static, ()>,
}

impl Team {
    /// With so many helpers, or fewer if no more threads can be had. On Linux they have the priority of
    /// the thread that starts them.
    fn start(helpers: usize) -> &'static Self {
        let team: &'static Self = Box::leak(Box::new(Self {
            helpers: OnceLock::new(),
            call: Call::default(),
            own: (0..=helpers).map(|_| Own::default()).collect(),
            asleep: AtomicUsize::new(0),
            panic: Mutex::default(),
        }));
        let start =
            |i| Builder::new().name(format!("helper {i}")).spawn(move || team.help(1 + i)).ok();
        let threads = (0..helpers).map_while(start).map(|h| h.thread().clone()).collect();
        team.helpers.get_or_init(|| threads);
        team
    }

    /// That of the program, if it has helpers and nobody leads it.
    fn mine() -> Option<Leader> {
        static TEAM: OnceLock<&'static Team> = OnceLock::new();
        static LEAD: Mutex<()> = Mutex::new(());
        let _others_wait = LEAD.try_lock().ok()?;
        let helpers = || rayon::current_num_threads().saturating_sub(1).min(MOST_HELPERS);
        let team = *TEAM.get_or_init(|| Self::start(helpers()));
        let has_helpers = team.helpers.get().is_some_and(|h| !h.is_empty());
        has_helpers.then_some(Leader { team, _others_wait })
    }

    /// The tasks of `n` that are the share of thread `of`.
    fn share(&self, of: usize, n: usize) -> Range<usize> {
        of * n / self.own.len()..(of + 1) * n / self.own.len()
    }

    /// Takes the tasks of its share, then what is left of the others', until there are none.
    fn run(&self, me: usize, n: usize, f: &Task<'_>) -> Result<(), Panic> {
        catch_unwind(AssertUnwindSafe(|| {
            for of in (me..self.own.len()).chain(0..me) {
                let (next, end) = (&self.own[of].next, self.share(of, n).end);
                while next.load(Ordering::Relaxed) < end {
                    match next.fetch_add(1, Ordering::Relaxed) {
                        i if i < end => f(i),
                        _ => break,
                    }
                }
            }
        }))
    }

    fn help(&self, me: usize) {
        let (mut done, inside) = (0, &self.own[me].inside);
        loop {
            let turn = self.await_turn(done);
            inside.store(true, Ordering::SeqCst);
            // Whoever leads waits from here on, unless the turn was over before.
            if self.call.turn.load(Ordering::SeqCst) == turn
                && let Some((f, n)) = self.call.work.get()
            {
                // SAFETY: the work lives while somebody is inside.
                if let Err(panic) = self.run(me, n, unsafe { &*f }) {
                    *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
                }
            }
            inside.store(false, Ordering::SeqCst);
            done = turn;
        }
    }

    /// The next turn after this one.
    fn await_turn(&self, done: usize) -> usize {
        let new =
            || Some(self.call.turn.load(Ordering::SeqCst)).filter(|t| t % 2 == 1 && *t != done);
        loop {
            let start = Instant::now();
            // Sections beside one another need the cores.
            while start.elapsed() < AWAKE && SECTIONS.load(Ordering::Relaxed) <= 1 {
                for _ in 0..64 {
                    if let Some(turn) = new() {
                        return turn;
                    }
                    spin_loop();
                }
                thread::yield_now();
            }
            self.asleep.fetch_add(1, Ordering::SeqCst);
            // Whoever begins a turn after this look sees that somebody sleeps.
            let last = new();
            if last.is_none() {
                thread::park();
            }
            self.asleep.fetch_sub(1, Ordering::SeqCst);
            if let Some(turn) = last {
                return turn;
            }
        }
    }
}

impl Leader {
    /// Calls `f` with each of `0..n` here and on the helpers.
    ///
    /// # Panics
    /// If `f` does.
    fn share(self, n: usize, f: &Task<'_>) {
        let team = self.team;
        // SAFETY: it is forgotten before this call ends.
        let kept = unsafe { std::mem::transmute::<*const Task<'_>, *const Task<'static>>(f) };
        team.call.work.set(Some((kept, n)));
        for (of, own) in team.own.iter().enumerate() {
            own.next.store(team.share(of, n).start, Ordering::Relaxed);
        }
        team.call.turn.fetch_add(1, Ordering::SeqCst);
        if team.asleep.load(Ordering::SeqCst) > 0 {
            team.helpers.get().into_iter().flatten().for_each(Thread::unpark);
        }
        // This thread leads already: what a task shares is for rayon.
        let own = within(false, || team.run(0, n, f));
        team.call.turn.fetch_add(1, Ordering::SeqCst);
        let mut looks = 0u32;
        for helper in &team.own {
            while helper.inside.load(Ordering::SeqCst) {
                looks += 1;
                if looks.is_multiple_of(64) { thread::yield_now() } else { spin_loop() }
            }
        }
        team.call.work.set(None);
        let theirs = team.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(self);
        if let Some(panic) = own.err().or(theirs) {
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of `n` tasks ran.
    fn counts(n: usize) -> (Vec<AtomicUsize>, impl Fn(&[AtomicUsize]) -> bool) {
        let once = |c: &[AtomicUsize]| c.iter().all(|c| c.load(Ordering::Relaxed) == 1);
        ((0..n).map(|_| AtomicUsize::new(0)).collect(), once)
    }

    fn led(team: &'static Team) -> Leader {
        static LEAD: Mutex<()> = Mutex::new(());
        let _others_wait = LEAD.lock().unwrap_or_else(PoisonError::into_inner);
        Leader { team, _others_wait }
    }

    #[test]
    fn every_task_is_done_once_however_many_turns_follow() {
        let team = Team::start(3);
        for turn in 0..3000 {
            let (counts, once) = counts(turn % 17);
            let count = |i: usize| {
                counts[i].fetch_add(1, Ordering::Relaxed);
            };
            led(team).share(counts.len(), &count);
            assert!(once(&counts), "turn {turn}");
            if turn % 500 == 0 {
                // They sleep meanwhile.
                thread::sleep(4 * AWAKE);
            }
        }
    }

    #[test]
    fn helpers_take_part() {
        let team = Team::start(1);
        let there = AtomicUsize::new(0);
        let ids = Mutex::new(Vec::new());
        led(team).share(2, &|_| {
            there.fetch_add(1, Ordering::SeqCst);
            // For the other one, but not for ever.
            for _ in 0..2000 {
                if there.load(Ordering::SeqCst) == 2 {
                    break;
                }
                thread::sleep(AWAKE * 20);
            }
            ids.lock().unwrap().push(thread::current().id());
        });
        let ids = ids.into_inner().unwrap();
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn a_panic_of_a_task_reaches_whoever_leads_and_the_team_goes_on() {
        let team = Team::start(2);
        for at in [0, 5, 19] {
            let fails = || led(team).share(20, &|i| assert_ne!(i, at, "a task failed"));
            assert!(catch_unwind(AssertUnwindSafe(fails)).is_err());
            let (counts, once) = counts(20);
            led(team).share(20, &|i| {
                counts[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(once(&counts));
        }
    }

    #[test]
    fn sections_inside_others_and_beside_others_do_all_tasks() {
        let all = || {
            let (outer, once) = counts(9);
            let inner = AtomicUsize::new(0);
            section(|| {
                each(2, 9, |i| {
                    section(|| each(2, 4, |_| _ = inner.fetch_add(1, Ordering::Relaxed)));
                    outer[i].fetch_add(1, Ordering::Relaxed);
                });
            });
            once(&outer) && inner.into_inner() == 36
        };
        assert!(all());
        let several = || {
            thread::scope(|s| {
                let beside: Vec<_> = (0..4).map(|_| s.spawn(|| (0..50).all(|_| all()))).collect();
                assert!(beside.into_iter().all(|b| b.join().unwrap()));
            });
        };
        several();
        side_by_side(several);
        assert!(!IN_SECTION.get());
    }

    #[test]
    fn pieces_are_all_of_the_values() {
        for (len, piece, together) in [(10, 3, 2), (12, 4, 1), (5, 7, 3), (0, 2, 2)] {
            let mut values = vec![0; len];
            each_piece(2, &mut values, piece, together, |i, own| {
                own.iter_mut().enumerate().for_each(|(k, v)| *v += i * piece + k);
            });
            assert_eq!(values, (0..len).collect::<Vec<_>>());
        }
    }
}
