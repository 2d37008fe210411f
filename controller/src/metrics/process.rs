//! What the system tells of this process, under the names that every Prometheus knows. Reads `/proc`; where there is none,
//! nothing is told.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use std::{fs, sync::atomic::AtomicU64};

/// Linux tells times in hundredths of a second, whatever its own clock ticks at.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Figures {
    cpu_seconds: f64,
    started_seconds: f64,
    resident_bytes: i64,
    virtual_bytes: i64,
}

/// Registers what is known now.
pub(super) fn tell(registry: &mut Registry) {
    let Some(figures) = read() else { return };
    let cpu = Counter::<f64, AtomicU64>::default();
    cpu.inc_by(figures.cpu_seconds);
    registry.register("process_cpu_seconds", "Processor time used by the process", cpu);
    let started = Gauge::<f64, AtomicU64>::default();
    started.set(figures.started_seconds);
    registry.register("process_start_time_seconds", "When the process started, in seconds since 1970", started);
    let bytes = [
        ("process_resident_memory_bytes", "Resident memory of the process", figures.resident_bytes),
        ("process_virtual_memory_bytes", "Virtual memory of the process", figures.virtual_bytes),
    ];
    let files = fs::read_dir("/proc/self/fd").ok().and_then(|entries| i64::try_from(entries.count()).ok());
    let files = files.map(|files| ("process_open_fds", "Files and connections that are open", files));
    for (name, help, figure) in bytes.into_iter().chain(files) {
        let gauge = Gauge::<i64>::default();
        gauge.set(figure);
        registry.register(name, help, gauge);
    }
}

fn read() -> Option<Figures> {
    let sizes = fs::read_to_string("/proc/self/status").ok()?;
    let booted = fs::read_to_string("/proc/stat").ok()?;
    let booted = booted.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    figures(&fs::read_to_string("/proc/self/stat").ok()?, &sizes, booted)
}

fn figures(stat: &str, sizes: &str, booted_seconds: f64) -> Option<Figures> {
    // The program's name may hold anything, blanks and brackets too: what follows it has known places.
    let rest: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| -> Option<f64> { rest.get(place)?.parse().ok() };
    let bytes = |name: &str| -> Option<i64> {
        let line = sizes.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches("kB").trim().parse::<i64>().ok()?.checked_mul(1024)
    };
    Some(Figures {
        cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
        started_seconds: booted_seconds + ticks(19)? / TICKS_PER_SECOND,
        resident_bytes: bytes("VmRSS:")?,
        virtual_bytes: bytes("VmSize:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_figures() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 12345 1000 2 3 4";
        let sizes = "Name:\ta\nVmSize:\t   2000 kB\nVmRSS:\t    100 kB\n";
        let expected =
            Figures { cpu_seconds: 3.0, started_seconds: 1123.45, resident_bytes: 102_400, virtual_bytes: 2_048_000 };
        assert_eq!(figures(stat, sizes, 1000.0), Some(expected));
        assert_eq!(figures("nonsense", sizes, 1000.0), None);
    }
}
