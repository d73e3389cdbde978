import Administration
import Observability
import ServerCore

extension MetricFacts {
    /// What allocations take and may take, and what there was too little of.
    var limits: [MetricFamily] {
        let memory = relay?.memory ?? ServerStatus.Memory(used: 0, limit: nil)
        return [
            Self.gauge(
                "stund_memory_used_bytes",
                unit: "bytes",
                "Memory that allocations take with what belongs to them, the kernel's sockets included.",
                Double(memory.used)
            ),
            MetricFamily(
                "stund_memory_limit_bytes",
                .gauge,
                unit: "bytes",
                help: "What memory-limit lets them take; nothing without a limit.",
                samples: memory.limit.map { [Sample(Double($0))] } ?? []
            ),
            Self.counter(
                "stund_shortages",
                "Requests that were refused with 508, by what there was too little of.",
                "cause",
                Counters.shortageNames.enumerated().map { ($0.element, totals.counters.shortages[$0.offset]) }
            ),
        ]
    }

    var processFamilies: [MetricFamily] {
        var families = [
            Self.gauge(
                "process_start_time_seconds",
                unit: "seconds",
                "When the process started, in Unix seconds.",
                startTime
            )
        ]
        guard let process else { return families }
        families += [
            MetricFamily(
                "process_cpu_seconds",
                .counter,
                unit: "seconds",
                help: "Seconds of CPU time in user and system mode.",
                samples: [Sample(process.cpuSeconds, suffix: "_total")]
            ),
            Self.gauge(
                "process_resident_memory_bytes",
                unit: "bytes",
                "Bytes of memory in RAM.",
                process.residentBytes
            ),
            Self.gauge(
                "process_virtual_memory_bytes",
                unit: "bytes",
                "Bytes of address space.",
                process.virtualBytes
            ),
            Self.gauge("process_open_fds", "Open files and sockets.", Double(process.openFiles)),
            Self.gauge("process_max_fds", "Files and sockets that may be open.", Double(fileLimit)),
        ]
        return families
    }
}
