/// A picture of values over time, drawn as SVG without scripts and styles of its own.
///
/// It is only arithmetic: the same values make the same picture.
struct Chart: Sendable {
    /// One line of the picture.
    struct Series: Sendable {
        /// What it shows.
        var name = ""
        /// The class of its colour: `1` to `5`, or `0` for what is left.
        var color = 1
        /// A value for each time.
        var values: [Double]
    }

    /// The ends of the steps of time, oldest first, in Unix seconds.
    var times: [Int64]
    /// How long a step is, in seconds.
    var step: Int
    /// How far the picture goes back, in seconds.
    var span: Int
    /// The lines.
    var series: [Series]
    /// Whether only whole numbers make sense.
    var isWhole = false
    /// Whether the largest of neighbouring values stands for all of them, else their mean.
    var showsPeaks = false

    /// The picture for a template; all of it text, so that rendering it is quick.
    struct Picture: Sendable, Equatable {
        struct Line: Sendable, Equatable {
            let color: Int
            let path: String
            /// The path of what is below the line; nil where there are several lines.
            let area: String?
        }
        struct Tick: Sendable, Equatable {
            let place: String
            let label: String
            /// Where the word of a tick that lies at the edge begins or ends.
            let anchor: String
        }
        let lines: [Line]
        let rows: [Tick]
        let columns: [Tick]
    }

    /// The room that the picture takes, in its own units; a template draws its frame in the same.
    private enum Room {
        static let left = 48.0
        static let right = 432.0
        static let top = 10.0
        static let bottom = 122.0
        /// More points than this are joined: no screen shows them.
        static let mostPoints = 120
    }

    /// The largest value of the lines.
    var largest: Double { series.flatMap(\.values).map(Self.sane).max() ?? 0 }

    /// The last value of the first line; nil when there is none.
    var newest: Double? { series.first?.values.last.map(Self.sane) }

    /// Draws the picture; `label` writes a value of the axis.
    func picture(label: (Double) -> String) -> Picture {
        let rows = Self.roundSteps(to: largest, isWhole: isWhole)
        let top = rows.last ?? 1
        let points = joined()
        let lines = series.indices.map { index in
            line(points.map { ($0.time, $0.values[index]) }, top: top, series[index].color)
        }
        return Picture(
            lines: lines,
            rows: rows.map { value in
                Picture.Tick(place: Self.text(height(value, top)), label: label(value), anchor: "end")
            },
            columns: columns
        )
    }

    // MARK: Axes

    /// Round values from zero to just above `largest`: steps of 1, 2 or 5 of a power of ten, at most five of them.
    static func roundSteps(to largest: Double, isWhole: Bool) -> [Double] {
        let largest = sane(largest)
        guard largest > 0 else { return [0, 1] }
        var power = 1.0
        while power * 10 <= largest { power *= 10 }
        while power > largest { power /= 10 }
        let steps = [0.2, 0.5, 1, 2, 5].map { $0 * power }.filter { !isWhole || $0 >= 1 }
        let step = steps.first { ($0 * 4) >= largest } ?? max(power * 5, 1)
        let count = max(1, Int((largest / step).rounded(.up)))
        return (0...count).map { Double($0) * step }
    }

    /// Round times of the day in GMT: each ten minutes of an hour, each four hours of a day, and alike of less.
    private var columns: [Picture.Tick] {
        guard let end = times.last, span > 0 else { return [] }
        let units: [Int64] = [120, 300, 600, 3600, 14400]
        let unit = units.first { Int64(span) <= $0 &* 6 } ?? 14400
        let begin = end &- Int64(span)
        var ticks: [Picture.Tick] = []
        var time = (begin / unit &+ 1) &* unit
        while time <= end, ticks.count < 12 {
            let place = place(time)
            ticks.append(
                Picture.Tick(
                    place: Self.text(place),
                    label: Self.clock(time),
                    anchor: place > Room.right - 14 ? "end" : "middle"
                )
            )
            time &+= unit
        }
        return ticks
    }

    private static func clock(_ time: Int64) -> String {
        let minutes = (time % 86400 + 86400) % 86400 / 60
        return "\(minutes / 60 < 10 ? "0" : "")\(minutes / 60):\(minutes % 60 < 10 ? "0" : "")\(minutes % 60)"
    }

    // MARK: Lines

    /// How many neighbours are joined to one point.
    private var groupSize: Int { max(1, (times.count + Room.mostPoints - 1) / Room.mostPoints) }

    /// The values inside the picture, neighbours joined until they are few enough.
    private func joined() -> [(time: Int64, values: [Double])] {
        guard let end = times.last else { return [] }
        let first = times.firstIndex { $0 > end &- Int64(span) } ?? times.endIndex
        var result: [(time: Int64, values: [Double])] = []
        // Groups end at the newest step: each has as many as the others but the oldest.
        var stop = times.endIndex
        while stop > first {
            let group = max(first, stop - groupSize)..<stop
            result.append((times[stop - 1], series.map { joined($0.values, group) }))
            stop = group.lowerBound
        }
        return result.reversed()
    }

    private func joined(_ all: [Double], _ group: Range<Int>) -> Double {
        let values = all[group.clamped(to: all.indices)].map(Self.sane)
        guard let largest = values.max() else { return 0 }
        return showsPeaks ? largest : values.reduce(0) { $0 + $1 / Double(values.count) }
    }

    private func line(_ points: [(time: Int64, value: Double)], top: Double, _ color: Int) -> Picture.Line {
        let bottom = Self.text(Room.bottom)
        let gap = Int64(max(1, step)) &* Int64(groupSize) &* 5 / 2
        var path = ""
        var area = ""
        var last: Int64?
        for (time, value) in points {
            let x = Self.text(place(time))
            let y = Self.text(height(value, top))
            if let last, time &- last <= gap {
                path += "L\(x) \(y)"
                area += "L\(x) \(y)"
            } else {
                // Where values begin, or begin again after a pause, the first one shows its whole step.
                let begin = Self.text(place(time &- Int64(max(1, step))))
                if let last { area += "L\(Self.text(place(last))) \(bottom)Z" }
                path += "M\(begin) \(y)H\(x)"
                area += "M\(begin) \(bottom)V\(y)H\(x)"
            }
            last = time
        }
        if last != nil { area += "V\(bottom)Z" }
        return Picture.Line(color: color, path: path, area: series.count == 1 && !area.isEmpty ? area : nil)
    }

    private func place(_ time: Int64) -> Double {
        guard let end = times.last, span > 0 else { return Room.left }
        let part = 1 - Double(end &- time) / Double(span)
        return Room.left + (Room.right - Room.left) * min(1, max(0, part))
    }

    private func height(_ value: Double, _ top: Double) -> Double {
        Room.bottom - (Room.bottom - Room.top) * (top > 0 ? min(1, value / top) : 0)
    }

    /// What cannot be drawn is nothing.
    private static func sane(_ value: Double) -> Double { value > 1e-9 ? min(value, 1e300) : 0 }

    /// A place with one digit after the point.
    private static func text(_ place: Double) -> String {
        let tenths = Int((place * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
