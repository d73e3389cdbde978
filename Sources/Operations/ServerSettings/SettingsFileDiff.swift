extension SettingsFileChange {
    /// The lines of the file that change, with two lines around them, each after `-`, `+` or a space; secrets as `(hidden)`.
    public var diff: [String] {
        let (old, new) = (before.lines.texts, after.lines.texts)
        let (shownOld, shownNew) = (before.shownLines, after.shownLines)
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in new.difference(from: old) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var lines: [(text: String, isChange: Bool)] = []
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if left < old.count, removed.contains(left) {
                lines.append(("-" + shownOld[left], true))
                left += 1
            } else if right < new.count, inserted.contains(right) {
                lines.append(("+" + shownNew[right], true))
                right += 1
            } else {
                if left < old.count { lines.append((" " + shownOld[left], false)) }
                left += 1
                right += 1
            }
        }
        let changes = lines.indices.filter { lines[$0].isChange }
        let near = Set(changes.flatMap { max(0, $0 - 2)...min(lines.count - 1, $0 + 2) })
        return near.sorted().map { lines[$0].text }
    }
}

extension LineTable {
    /// The lines without their ends; an empty last one is none.
    fileprivate var texts: [String] {
        (1...count).compactMap { number in
            let line = content(ofLine: number)
            guard number < count || !line.isEmpty else { return nil }
            return String(decoding: line, as: UTF8.self).trimmingLineBreak
        }
    }
}

extension SettingsDocument {
    /// The lines for people to see: what belongs to a secret is hidden, with all that stands beside it.
    fileprivate var shownLines: [String] {
        var lines = self.lines.texts
        let secrets = Settings.keys.filter(\.isSecret).map(\.name)
        // A line that was made a comment has kept its secret.
        for index in lines.indices where lines[index].isComment && secrets.contains(where: lines[index].contains) {
            lines[index] = "# (hidden)"
        }
        let starts = Set(entries.map(\.line))
        for entry in entries where secrets.contains(entry.key) {
            var index = entry.line - 1
            guard lines.indices.contains(index) else { continue }
            let isAlone = entries.count { $0.line == entry.line } == 1
            lines[index] = isAlone ? "\(entry.key): (hidden)" : "(hidden)"
            index += 1
            // A list or a text over several lines.
            while index < lines.count, !starts.contains(index + 1) {
                if !lines[index].isComment, lines[index].contains(where: { $0 != " " }) { lines[index] = "  (hidden)" }
                index += 1
            }
        }
        return lines
    }
}

extension String {
    fileprivate var trimmingLineBreak: String {
        var scalars = Substring(self).unicodeScalars
        while let last = scalars.last, ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(last) {
            scalars.removeLast()
        }
        return String(scalars)
    }

    fileprivate var isComment: Bool { first { $0 != " " && $0 != "\t" } == "#" }
}
