import Foundation
import PackagePlugin

/// Puts the console's templates, texts and assets and the files of `docs/` into the program as string literals.
///
/// Not SwiftPM's `.embedInCode`: that makes arrays of numbers, which take the compiler minutes at this size, and it
/// reaches no file outside of the target.
@main
struct EmbedTexts: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        guard let target = target as? SourceModuleTarget else { return [] }
        let folders = ["Templates", "Assets", "Texts"].map { target.directoryURL.appending(path: $0) }
        let files =
            try folders.flatMap { try Self.files(in: $0, where: { _ in true }) }
            + Self.files(in: context.package.directoryURL.appending(path: "docs")) { $0.pathExtension == "md" }
            + ["README.md", "CHANGELOG.md", "LICENSE"].map { context.package.directoryURL.appending(path: $0) }
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedTexts.swift")
        return [
            .buildCommand(
                displayName: "Embedding the console's texts",
                executable: try context.tool(named: "EmbedTextsTool").url,
                arguments: [output.path(percentEncoded: false)] + files.map { $0.path(percentEncoded: false) },
                inputFiles: files,
                outputFiles: [output]
            )
        ]
    }

    private static func files(in folder: URL, where isMeant: (URL) -> Bool) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: [.isRegularFileKey])
            .filter { url in
                let isFile = try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true
                return isFile && !url.lastPathComponent.hasPrefix(".") && isMeant(url)
            }
            .sorted { $0.path() < $1.path() }
    }
}
