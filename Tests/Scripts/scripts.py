"""Loads a script of Scripts/, which has no .py in its name, as a module that a test can call."""
import importlib.machinery
import importlib.util
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / "Scripts"


def load(name):
    module_name = name.replace("-", "_")
    loader = importlib.machinery.SourceFileLoader(module_name, str(FOLDER / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(module_name, loader))
    sys.modules[module_name] = module  # dataclasses look their module up by name
    loader.exec_module(module)
    return module
