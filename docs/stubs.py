"""For the site: compiled modules tell their docstrings when they are imported, but not how their
classes are made; the stubs beside them do. Where they share one file (an installed package on
Linux), what stands in place of each has to be imported to tell anything.
"""

from pathlib import Path

import griffe

PACKAGE = Path(__file__).parents[1] / "src" / "pageengine"


class StubSignatures(griffe.Extension):
    """Classes of compiled modules are shown with the parameters that their stubs give."""

    def on_package(self, *, pkg, **_):
        for path in sorted(PACKAGE.rglob("*.pyi")):
            stub = griffe.visit(path.stem, filepath=path, code=path.read_text(encoding="utf-8"))
            module = pkg if pkg.name == "pageengine" else None
            for part in path.relative_to(PACKAGE).with_suffix("").parts:
                module = None if module is None else module.members.get(part)
            if module is not None:
                if "fetch" in module.members:
                    module = self._imported(module)
                for name, shown in stub.classes.items():
                    self._show(module.members.get(name), shown)

    def _imported(self, module):
        """The module as it is once it is imported, in its place."""
        found = griffe.inspect(module.name, parent=module.parent)
        module.parent.members[module.name] = found
        return found

    def _show(self, cls, stub) -> None:
        made = stub.members.get("__init__") or stub.members.get("__new__")
        if cls is None or cls.is_alias or made is None:
            return
        cls.members["__init__"] = griffe.Function(
            "__init__", parameters=made.parameters, parent=cls
        )
