"""PhantomLibrary: Robot Framework keywords that drive, break and judge a simulated distributed database."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PhantomLibrary.keywords.library import PhantomLibrary as PhantomLibrary

__version__ = "0.1.0"
__all__ = ["PhantomLibrary", "__version__"]


def __getattr__(name: str) -> Any:
    # Lazy, because replay workers import parts of this package and must not pay for importing Robot Framework.
    if name == "PhantomLibrary":
        from PhantomLibrary.keywords.library import PhantomLibrary

        return PhantomLibrary
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
