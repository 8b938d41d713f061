"""The gallery: one picture for each thing that Ritard does, in docs/images and docs/gallery.md.

``python -m ritard.experiments.gallery`` at the top of the repository draws all of it, in a minute:
from the committed results, from closed forms, and from models that are exact. Nothing is trained.
"""

from .picture import Picture, page
from .pictures import PICTURES

__all__ = ["PICTURES", "Picture", "page"]
