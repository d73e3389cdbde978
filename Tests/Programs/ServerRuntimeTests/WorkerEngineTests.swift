import Administration
import PacketEngine
import ServerSettings
import Testing

@testable import ServerRuntime

@Suite("How workers ask the system for packets")
struct WorkerEngineTests {
    @Test("auto is epoll, and each word of the settings is what it says")
    func choice() throws {
        #expect(try WorkerEngine(Settings()).status().sentence == "epoll, adaptive wake-ups")
        for (word, mode) in [(WakeUpMode.adaptive, "adaptive"), (.lowLatency, "low-latency"), (.lowPower, "low-power")]
        {
            var settings = Settings()
            (settings.engine, settings.wakeUps) = (.epoll, word)
            #expect(try WorkerEngine(settings).status().wakeUps == mode)
        }
    }

    @Test("io_uring is used when it is asked for, or there is no start, with key, reason and cure")
    func ring() {
        var settings = Settings()
        settings.engine = .ioUring
        do throws(StartError) {
            #expect(try WorkerEngine(settings).status().name == "io_uring")
            #expect(EventLoop.refusalOfRing() == nil)
        } catch {
            #expect(EventLoop.refusalOfRing().map(error.description.contains) == true)
        }
        let refusal = StartError.engine("this kernel has none")
        #expect(
            refusal.description
                == "engine: io_uring cannot be used: this kernel has none; set engine to auto or epoll"
        )
    }

    @Test("packets that were gathered have waited for half of the wait each, over all workers")
    func delay() {
        var delay = GatheringDelay()
        delay.count(4, waited: 400_000)
        delay.count(0, waited: 400_000)
        var other = GatheringDelay()
        other.count(1, waited: 100_000)
        delay.add(other)
        #expect(delay.packets == 5)
        #expect(delay.nanoseconds == 850_000)
    }
}
