import Administration
import Testing

@testable import Console

@Suite("The charts of the overview")
struct ChartTests {
    private func chart(_ values: [Double], span: Int = 3600, step: Int = 10) -> Chart {
        Chart(
            times: values.indices.map { StatusData.end - Int64((values.count - 1 - $0) * step) },
            step: step,
            span: span,
            series: [Chart.Series(values: values)]
        )
    }

    private func numbers(_ path: String) -> [Double] {
        path.split { !"0123456789.-".contains($0) }.compactMap { Double($0) }
    }

    @Test("without values there is a frame from zero to one, and no line")
    func empty() {
        let picture = chart([]).picture { "\($0)" }
        #expect(picture.rows.map(\.label) == ["0.0", "1.0"])
        #expect(picture.lines == [Chart.Picture.Line(color: 1, path: "", area: nil)])
        #expect(picture.columns.isEmpty)
        #expect(chart([]).newest == nil)
    }

    @Test("a single value is drawn as long as its step, at the right")
    func one() {
        let picture = chart([4]).picture { "\($0)" }
        #expect(picture.lines.first?.path == "M430.9 10H432")
        #expect(picture.lines.first?.area == "M430.9 122V10H432V122Z")
        #expect(picture.rows.last?.label == "4.0")
    }

    @Test("what cannot be drawn is drawn as nothing, and the largest numbers stay inside the frame")
    func strangeValues() {
        let values = [.nan, -.infinity, .infinity, -5, 0, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 1e300]
        for count in 1...values.count {
            let chart = chart(Array(values.prefix(count)))
            let picture = chart.picture { "\($0)" }
            let path = (picture.lines.first?.path ?? "") + (picture.lines.first?.area ?? "")
            #expect(!path.isEmpty && !path.contains("n"), "\(path)")
            #expect(numbers(path).allSatisfy { (0...440).contains($0) }, "\(path)")
            #expect(picture.rows.count >= 2 && picture.rows.count <= 6)
            #expect(chart.largest.isFinite && chart.newest?.isFinite == true)
        }
    }

    @Test("axes have round steps")
    func steps() {
        let cases: [(Double, [Double])] = [
            (0, [0, 1]), (1, [0, 0.5, 1]), (3, [0, 1, 2, 3]), (0.07, [0, 0.02, 0.04, 0.06, 0.08]),
            (47, [0, 20, 40, 60]), (1000, [0, 500, 1000]),
        ]
        for (largest, expected) in cases {
            let steps = Chart.roundSteps(to: largest, isWhole: false)
            #expect(steps.count == expected.count, "\(largest): \(steps)")
            for (step, wanted) in zip(steps, expected) { #expect(abs(step - wanted) < 1e-9, "\(steps)") }
        }
    }

    @Test("of what is counted whole there is no half")
    func wholeSteps() {
        #expect(Chart.roundSteps(to: 1, isWhole: true) == [0, 1])
        #expect(Chart.roundSteps(to: 2, isWhole: true) == [0, 1, 2])
    }

    @Test("a pause leaves a gap, and a long day has few points")
    func gapsAndSize() {
        var times = (0..<20).map { StatusData.end - Int64($0 * 10) }.reversed().map(\.self)
        for index in 0..<10 { times[index] -= 600 }
        let chart = Chart(times: times, step: 10, span: 3600, series: [.init(values: .init(repeating: 3, count: 20))])
        let path = chart.picture { "\($0)" }.lines.first?.path ?? ""
        #expect(path.filter { $0 == "M" }.count == 2, "\(path)")
        let day = self.chart((0..<8640).map { Double($0 % 7) }, span: 86400)
        let line = day.picture { "\($0)" }.lines.first?.path ?? ""
        #expect(line.filter { $0 == "L" }.count < 130 && line.filter { $0 == "M" }.count == 1)
    }

    @Test("joined neighbours keep their mean, or their peak where peaks are asked for")
    func joins() {
        var values = [Double](repeating: 0, count: 240)
        values[239] = 10
        var chart = chart(values)
        #expect(chart.picture { "\($0)" }.lines.first?.path.hasSuffix("L432 66") == true)
        chart.showsPeaks = true
        #expect(chart.picture { "\($0)" }.lines.first?.path.hasSuffix("L432 10") == true)
    }

    @Test("columns stand at round times in GMT")
    func columns() {
        // 2026-11-24 06:00:00 GMT and some.
        #expect(
            chart([1, 2]).picture { "\($0)" }.columns.map(\.label).allSatisfy { $0.hasSuffix("0") && $0.count == 5 }
        )
        let day = chart([1, 2], span: 86400).picture { "\($0)" }.columns.map(\.label)
        #expect(day.count == 6 && Set(day) == ["00:00", "04:00", "08:00", "12:00", "16:00", "20:00"])
    }

    @Test("a young server's pictures begin where it began")
    func young() throws {
        let young = OverviewCharts(samples: StatusData.samples(6), isDay: false, texts: .of(.english)).shown
        let path = try #require(young.first?.picture.lines.first?.path)
        #expect(try #require(numbers(path).first) < 400, "a tenth of the width: \(path)")
        let old = OverviewCharts(samples: StatusData.samples(360), isDay: false, texts: .of(.english)).shown
        #expect(numbers(try #require(old.first?.picture.lines.first?.path)).first == 48)
    }

    @Test("of reasons for drops five have lines of their own, the others one together, and words tell their numbers")
    func drops() throws {
        let charts = OverviewCharts(samples: StatusData.samples(6), isDay: false, texts: .of(.english)).shown
        let drops = try #require(charts.last)
        #expect(drops.legend.count == 6 && drops.picture.lines.count == 6)
        #expect(drops.legend.last?.name == "others" && drops.legend.last?.color == 0)
        #expect(drops.description.contains("no permission 24"))
        #expect(charts.first?.description.hasPrefix("Requests a second, last hour: now 44.5/s, at most 44.5/s") == true)
    }
}

@Suite("Quantities for people")
struct QuantitiesTests {
    @Test("numbers have groups of three digits and the point of the language")
    func numbers() {
        let (english, german) = (Quantities(.english), Quantities(.german))
        #expect(english.number(1234) == "1234" && english.number(1_234_567) == "1\u{202F}234\u{202F}567")
        #expect(english.number(UInt64.max).hasPrefix("18\u{202F}446"))
        #expect(english.decimal(0.05) == "0.05" && german.decimal(1.25) == "1,25" && english.decimal(12.04) == "12")
        #expect(english.decimal(.nan) == "0" && english.decimal(-1) == "0")
        #expect(english.decimal(1e30) == english.number(UInt64.max))
        #expect(english.bits(1_250_000) == "1.25\u{A0}Mbit/s" && german.bytes(999) == "999\u{A0}B")
        #expect(english.bytes(999_999) == "1\u{A0}MB")
        #expect(english.brief(500) == "500" && english.brief(2_000_000) == "2\u{A0}M")
        #expect(english.share(1, of: 1000) == "<\u{A0}1\u{A0}%" && english.share(1, of: 0).isEmpty)
    }
}

@Suite("Text of strangers on a page")
struct ShownTextTests {
    @Test("short text stays, long text is cut and its beginning is kept to be pointed at")
    func cuts() {
        #expect(ShownText("alice").text == "alice" && ShownText("alice").whole == nil)
        let long = ShownText(String(repeating: "x", count: 65536), most: 10)
        #expect(long.text == "xxxxxxxxxx…" && long.whole?.utf8.count == 303)
        #expect(ShownText("<<<<", most: 9).text == "<<…")
    }

    @Test("what is invisible or turns text round is written out")
    func escapes() {
        #expect(ShownText("a\u{1B}[2J").text == "a\\u{1B}[2J")
        #expect(ShownText("\u{202E}gnp.exe").text == "\\u{202E}gnp.exe")
        #expect(ShownText("a\r\nb").text == "a\\r\\nb")
    }

    @Test("what stands between backticks is code, and everything is literal")
    func prose() {
        #expect(
            Prose("set it with `stund user add`.", .of(.english)).html == "set it with <code>stund user add</code>."
        )
        #expect(Prose("`<b>` and ` alone", .of(.english)).html == "<code>&lt;b&gt;</code> and ` alone")
        #expect(Prose("</code><script>`<", .of(.english)).html == "&lt;/code&gt;&lt;script&gt;`&lt;")
        #expect(Prose("`a` `b`", .of(.english)).html == "<code>a</code> <code>b</code>")
        #expect(Prose("``", .of(.english)).html == "<code></code>" && Prose("", .of(.english)).html.isEmpty)
        let long = Prose(String(repeating: "x", count: 900), .of(.english), most: 10)
        #expect(long.html == "xxxxxxxxxx…" && long.whole?.isEmpty == false)
    }

    @Test("signs that join to others are markup no more")
    func joined() {
        #expect(ScalarHTML.escaped("\u{0D4E}<script>") == "\u{0D4E}&lt;script&gt;")
        #expect(ScalarHTML.escaped("\"\u{301}'&") == "&quot;\u{301}&#39;&amp;")
        #expect(ScalarHTML.escaped("plain ä") == "plain ä")
    }
}

@Suite("What the server says, in German")
struct SaidWordsTests {
    private let words = SaidWords(
        """
        # A comment.
        {0} is in {1}, which deny-peers names
        = {0} ist in {1}, das deny-peers nennt

        the peer {0}
        = die Gegenstelle {0}
        store
        = Speicher
        {1} before {0}
        = zuerst {0}, dann {1}
        the end
        = das Ende
        """
    )

    @Test("places keep what stands in them, and sentences in places are found too")
    func places() {
        #expect(
            words("the peer 10.0.0.1 is in 10.0.0.0/8, which deny-peers names")
                == "die Gegenstelle 10.0.0.1 ist in 10.0.0.0/8, das deny-peers nennt"
        )
        #expect(words("the end") == "das Ende" && words("store") == "Speicher")
        #expect(words("something else") == nil && words("the end.") == nil && words("") == nil)
        #expect(words("the peer store") == "die Gegenstelle store", "a word in a place may be a name")
    }

    @Test("what strangers write is no place and no pattern, and what is endless is left alone")
    func hostile() {
        #expect(words("the peer {0}{1}{9}") == "die Gegenstelle {0}{1}{9}")
        #expect(words("the peer " + String(repeating: "the peer ", count: 300)) == nil)
        #expect(words("the peer the peer the peer the peer the peer x")?.hasPrefix("die Gegenstelle die Geg") == true)
        for text in HostileTexts.all {
            #expect(words("the peer \(text.prefix(400))")?.hasSuffix(text.prefix(400)) == true)
        }
    }

    @Test("the whole file is read: each sentence is its own translation's, with the same places")
    func file() throws {
        let text = try #require(EmbeddedTexts.files["said.de"])
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count > 200 && lines.count.isMultiple(of: 2))
        for index in stride(from: 0, to: lines.count - 1, by: 2) {
            let (said, german) = (lines[index], lines[index + 1].dropFirst(2))
            let places = { (text: Substring) in Set(text.matches(of: /\{[0-9]\}/).map { String($0.output) }) }
            #expect(places(said) == places(german), "\(said)")
            #expect(said != german)
        }
        let texts = Texts.of(.german)
        #expect(
            texts.said(
                "the peer 10.0.0.1:80 is the 6to4 form of 10.0.0.1, which is an address of this server's own host"
            )
                == "die Gegenstelle 10.0.0.1:80 ist die 6to4-Form von 10.0.0.1, einer Adresse des Rechners, auf dem dieser Server läuft"
        )
        #expect(
            texts.said("denied: it is in 10.0.0.0/8, which deny-peers names")
                == "abgelehnt: sie ist in 10.0.0.0/8, das deny-peers nennt"
        )
        #expect(Texts.of(.english).said("allowed") == nil)
        #expect(Prose("allowed", texts).foreign == nil && Prose("what?", texts).foreign == "en")
    }
}
