"""Proves that Scripts/check-layers goes red: each test writes a small package with one violation.

A checker that silently accepts everything looks exactly like a clean house, so it is tested like the product.
"""
import pathlib
import tempfile
import unittest

from scripts import load

check_layers = load("check-layers")


def target(name, path, uses=(), products=()):
    return {
        "name": name, "path": path, "target_dependencies": list(uses), "product_dependencies": list(products),
    }


TARGETS = [
    target("Addresses", "Sources/Wire/Addresses"),
    target("COpenSSL", "Sources/Engine/COpenSSL"),
    target("PacketEngine", "Sources/Engine/PacketEngine", ["Addresses"]),
    target("STUNAuthentication", "Sources/Wire/STUNAuthentication", ["COpenSSL"]),
    target("ServerCore", "Sources/Core/ServerCore", ["Addresses"]),
    target("ServerSettings", "Sources/Operations/ServerSettings", ["Addresses"], ["Yams"]),
    target("stund", "Sources/Programs/stund", ["ServerCore", "PacketEngine", "ServerSettings"]),
    target("ServerCoreTests", "Tests/Core/ServerCoreTests", ["ServerCore"]),
]


def findings(files, targets=None):
    """What check-layers says of a package with these files (path -> source)."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, source in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(source)
        return [str(f) for f in check_layers.check(root, {"targets": targets or TARGETS})]


class CheckLayers(unittest.TestCase):
    def assert_red(self, files, *words, targets=None):
        found = findings(files, targets)
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def assert_green(self, files):
        self.assertEqual(findings(files), [])

    def test_declared_imports_in_all_their_forms_are_accepted(self):
        self.assert_green({
            "Sources/Core/ServerCore/a.swift": "public import Addresses\nimport struct Addresses.IPAddress\n",
            "Sources/Operations/ServerSettings/a.swift": "internal import Yams\nimport Foundation\n",
            "Tests/Core/ServerCoreTests/a.swift": "import Foundation\nimport Testing\n\n@testable import ServerCore\n",
        })

    def test_undeclared_import_of_a_target(self):
        self.assert_red(
            {"Sources/Programs/stund/a.swift": "import ServerCore\nprivate import Addresses\n"}, "a.swift:2:", "Addresses"
        )

    def test_undeclared_import_of_a_package(self):
        self.assert_red({"Sources/Programs/stund/a.swift": "@preconcurrency public import Logging\n"}, "Logging")

    def test_undeclared_import_of_a_test(self):
        self.assert_red({"Tests/Core/ServerCoreTests/a.swift": "@testable import Addresses\n"}, "ServerCoreTests")

    def test_undeclared_import_of_one_declaration(self):
        self.assert_red({"Sources/Programs/stund/a.swift": "import enum Addresses.Family\n"}, "imports Addresses")

    def test_foundation_and_the_c_library_in_a_pure_wing(self):
        for module in ["Foundation", "FoundationEssentials", "Glibc", "Dispatch"]:
            self.assert_red({"Sources/Wire/Addresses/a.swift": f"import {module}\n"}, "(Wire)", module)
            self.assert_red({"Sources/Core/ServerCore/a.swift": f"public import {module}\n"}, "(Core)", module)

    def test_an_arrow_that_points_up(self):
        upward = [
            target("Addresses", "Sources/Wire/Addresses", ["ServerCore"]), target("ServerCore", "Sources/Core/ServerCore")
        ]
        self.assert_red({}, "Package.swift", "Addresses (Wire) must not depend on ServerCore (Core)", targets=upward)

    def test_an_arrow_from_core_to_engine(self):
        wrong = [
            target("ServerCore", "Sources/Core/ServerCore", ["PacketEngine"]),
            target("PacketEngine", "Sources/Engine/PacketEngine"),
        ]
        self.assert_red({}, "ServerCore (Core) must not depend on PacketEngine (Engine)", targets=wrong)

    def test_the_engine_knows_addresses_and_nothing_else_of_the_wire(self):
        wrong = [
            target("PacketEngine", "Sources/Engine/PacketEngine", ["STUNCodec"]),
            target("STUNCodec", "Sources/Wire/STUNCodec"),
        ]
        self.assert_red({}, "PacketEngine (Engine) must not depend on STUNCodec (Wire)", targets=wrong)

    def test_a_target_outside_the_wings(self):
        self.assert_red({}, "lies in no wing", targets=[target("Lost", "Sources/Lost")])

    def test_words_in_comments_and_strings_are_not_code(self):
        self.assert_green({
            "Sources/Core/ServerCore/a.swift": "\n".join([
                "// import Foundation, unsafe, try! as! fatalError(",
                '/* import Glibc /* nested */ unsafe */ let a = "unsafe try! \\" as! "',
                'let b = """', "import Foundation", "unsafe fatalError()", '"""', 'let c = #"try! \\(unsafe) "quoted" as!"#',
            ]),
        })

    def test_unsafe_without_its_reason(self):
        self.assert_red({"Sources/Engine/PacketEngine/a.swift": "let a = unsafe b.pointee\n"}, "a.swift:1:", "// Unsafe:")
        self.assert_red({"Sources/Programs/stund/a.swift": "nonisolated(unsafe) var a = 1\n"}, "// Unsafe:")
        self.assert_red({"Sources/Programs/stund/a.swift": 'let a = "\\(unsafe b.pointee)"\n'}, "// Unsafe:")

    def test_unsafe_with_its_reason(self):
        self.assert_green({"Sources/Engine/PacketEngine/a.swift": "// Unsafe: the kernel's structures\nlet a = unsafe b\n"})

    def test_unsafe_with_an_empty_or_late_reason(self):
        self.assert_red({"Sources/Engine/PacketEngine/a.swift": "// Unsafe:\nlet a = unsafe b\n"}, "// Unsafe:")
        late = "\n" * 15 + "// Unsafe: too late\nlet a = unsafe b\n"
        self.assert_red({"Sources/Engine/PacketEngine/a.swift": late}, "a.swift:17:")

    def test_what_can_trap_in_wire_and_core(self):
        for code in ["try! f()", "x as! Int", "fatalError()", 'fatalError ("no")', "p.load(fromByteOffset: f(1), as: Int.self)",
                     'let s = "\\(try! f())"']:
            self.assert_red({"Sources/Wire/Addresses/a.swift": f"func g() {{ {code} }}\n"}, "(not in Wire)")
            self.assert_red({"Sources/Core/ServerCore/a.swift": f"func g() {{\n {code}\n}}\n"}, "a.swift:2:")
            self.assert_green({"Sources/Programs/stund/a.swift": f"func g() {{ {code} }}\n"})

    def test_row_17_digests_that_are_compared_with_equal_signs(self):
        for code in ["a.digest == b", "if hmac(x) != y {}", "x == other.characters", "let a = theDigest() == 1"]:
            self.assert_red({"Sources/Wire/STUNAuthentication/a.swift": f"func g() {{ {code} }}\n"}, "constantTimeEquals")
            self.assert_green({"Sources/Programs/stund/a.swift": f"func g() {{ {code} }}\n"})

    def test_what_looks_like_a_trap_and_is_none(self):
        self.assert_green({
            "Sources/Wire/Addresses/a.swift": "try? f()\nx as? Int\nx != y\np.loadUnaligned(as: Int.self)\nload(last: 1)\n"
        })

    def test_a_long_file(self):
        self.assert_red({"Sources/Programs/stund/a.swift": "let a = 1\n" * 351}, "has 351 lines")
        self.assert_green({"Sources/Programs/stund/a.swift": "let a = 1\n" * 350})
        self.assert_green({"Sources/Programs/stund/a.swift": "// Long: one table\n" + "let a = 1\n" * 400})

    def test_a_long_function(self):
        for head in ["func f(a: () -> Void = {})", "init?<T>(_ t: T) where T: P", "deinit", "subscript(i: Int) -> Int",
                     "static func == (a: A, b: A) -> Bool"]:
            body = head + " {\n" + "    g { }\n" * 49 + "}\n"
            self.assert_red({"Sources/Programs/stund/a.swift": "struct A {\n" + body + "}\n"}, "a.swift:2:", "has 51 lines")
            body = head + " {\n" + "    g { }\n" * 48 + "}\n"
            self.assert_green({"Sources/Programs/stund/a.swift": "struct A {\n" + body + "}\n"})

    def test_requirements_and_calls_are_not_functions(self):
        self.assert_green({
            "Sources/Programs/stund/a.swift":
            "protocol P {\n    func f(a: Int) -> Int\n    init(a: Int)\n    var b: Int { get }\n}\n"
            "let a = A.init(b: 1)\nlet t = [\n" + "    1,\n" * 60 + "].map { $0 }\n",
        })


if __name__ == "__main__":
    unittest.main()
