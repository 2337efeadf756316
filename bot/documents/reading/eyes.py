"""Finds the lines of text in a picture, turns it until they stand upright, and reads them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.documents.reading.lines import Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Boxes = NDArray[np.float32]  # number, corner, x and y; corners from the upper left, clockwise

FINDING_SIDE = 800  # pixels of the longer side in which lines are looked for
MOST_LINES = 120
ASKED = 8  # lines that are asked which way is up
LEAST_SCORE = 0.5


@dataclass(frozen=True, slots=True)
class Page:
    """A page after it was turned and flattened, and what stands on it."""

    picture: "Picture"
    lines: tuple[Line, ...]
    angle: float  # degrees by which the lines ran askew
    cut: bool  # whether lines run into the picture's edge


class Eyes:
    """The models, loaded once. They come with the package; nothing is ever fetched."""

    def __init__(self, threads: int) -> None:
        import rapidocr
        from rapidocr import RapidOCR

        models = Path(rapidocr.__file__).parent / "models"
        found = {part: next(models.glob(f"*_{part}_*.onnx")) for part in ("det", "cls", "rec")}
        ocr = RapidOCR(
            params={
                "Global.log_level": "critical",
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                **{f"{part.title()}.model_path": str(path) for part, path in found.items()},
                "Det.limit_type": "max",
                "Det.limit_side_len": FINDING_SIDE,
                "Rec.rec_img_shape": [3, 48, 160],  # labels are short: not each is widened to a long line
                "Rec.rec_batch_num": 4,
            }
        )
        self._find = ocr._load_det_model()  # type: ignore[no-untyped-call]
        self._which_way = ocr._load_cls_model()  # type: ignore[no-untyped-call]
        self._read = ocr._load_rec_model()  # type: ignore[no-untyped-call]

    def rehearse(self) -> None:
        """Read a drawn line once, so that whatever is loaded late is loaded."""
        import cv2
        import numpy as np

        sheet = np.full((400, 600, 3), 240, np.uint8)
        cv2.putText(sheet, "20260102", (60, 200), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 4)
        self.page(sheet)

    def page(self, picture: "Picture") -> Page:
        """Read one page."""
        boxes = self._boxes(picture)
        if not len(boxes):
            return Page(picture, (), 0.0, False)
        angle, cut = _angle(boxes), _cut(boxes, picture)
        picture, boxes = _flattened(picture, boxes, angle)
        if self._upside_down(picture, boxes):
            picture, boxes = _warped(picture, boxes, _half_turn(picture), _size(picture))
        return Page(picture, self._lines(picture, boxes), angle, cut)

    def _boxes(self, picture: "Picture") -> "Boxes":
        import numpy as np

        found = self._find(picture).boxes
        none = np.empty((0, 4, 2), np.float32)
        return none if found is None else np.asarray(found[:MOST_LINES], np.float32)

    def _upside_down(self, picture: "Picture", boxes: "Boxes") -> bool:
        widest = sorted(boxes, key=_length, reverse=True)[:ASKED]
        said = self._which_way([_crop(picture, box) for box in widest]).cls_res
        votes = sum((score if label == "180" else -score) for label, score in said)
        return bool(votes > 0)

    def _lines(self, picture: "Picture", boxes: "Boxes") -> tuple[Line, ...]:
        from rapidocr.ch_ppocr_rec import TextRecInput

        read = self._read(TextRecInput(img=[_crop(picture, box) for box in boxes], return_word_box=False))
        lines = []
        for box, text, score in zip(boxes, read.txts or (), read.scores or (), strict=False):
            left, top = box.min(axis=0)
            right, bottom = box.max(axis=0)
            known = text.strip() if score >= LEAST_SCORE else ""
            lines.append(Line(known, float(left), float(top), float(right), float(bottom), float(score)))
        return tuple(lines)


def _length(box: "Boxes") -> float:
    import numpy as np

    return float(max(np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[2] - box[1])))


def _angle(boxes: "Boxes") -> float:
    """The angle of most lines, in degrees from -90 to 90; long lines count for more."""
    import numpy as np

    edges = np.stack([boxes[:, 1] - boxes[:, 0], boxes[:, 2] - boxes[:, 1]], axis=1)
    lengths = np.linalg.norm(edges, axis=2)
    long = edges[np.arange(len(edges)), lengths.argmax(axis=1)]
    plain = lengths.max(axis=1) > 2 * lengths.min(axis=1)
    if plain.any():
        long = long[plain]
    angles = np.arctan2(long[:, 1], long[:, 0])
    weights = np.linalg.norm(long, axis=1)
    doubled = (weights * np.exp(2j * angles)).sum()  # a line has no beginning: 179 degrees are as near to 0 as 1 is
    rough = np.angle(doubled) / 2
    off = (angles - rough + np.pi / 2) % np.pi - np.pi / 2
    return float(np.degrees(rough + np.median(off)))


def _cut(boxes: "Boxes", picture: "Picture") -> bool:
    import numpy as np

    height, width = picture.shape[:2]
    edge = np.array([width, height], np.float32)
    touching = ((boxes < 3) | (boxes > edge - 4)).any(axis=(1, 2))
    return bool(touching.sum() >= 2)


def _size(picture: "Picture") -> tuple[int, int]:
    return int(picture.shape[1]), int(picture.shape[0])


def _half_turn(picture: "Picture") -> Any:
    import numpy as np

    width, height = _size(picture)
    return np.array([(-1, 0, width - 1), (0, -1, height - 1), (0, 0, 1)], np.float64)


def _flattened(picture: "Picture", boxes: "Boxes", angle: float) -> tuple["Picture", "Boxes"]:
    """Flatten the paper where its edges are seen, and turn the lines level."""
    corners = _paper(picture, boxes)
    if corners is not None:
        picture, boxes = _warped(picture, boxes, *_onto_rectangle(corners))
        angle = _angle(boxes)
    if abs(angle) > 0.3:
        picture, boxes = _warped(picture, boxes, *_turn(picture, angle))
    return picture, boxes


def _turn(picture: "Picture", angle: float) -> tuple[Any, tuple[int, int]]:
    """How to turn the picture back by so many degrees, on a sheet that is large enough."""
    import cv2
    import numpy as np

    width, height = _size(picture)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    wide, tall = int(height * sin + width * cos), int(height * cos + width * sin)
    matrix[:, 2] += np.array([(wide - width) / 2, (tall - height) / 2])
    return np.vstack([matrix, (0, 0, 1)]), (wide, tall)


def _paper(picture: "Picture", boxes: "Boxes") -> Any:
    """The four corners of the sheet on which all lines stand, or None."""
    import cv2
    import numpy as np

    scale = 400 / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    edges = np.zeros(small.shape[:2], np.uint8)
    for channel in cv2.split(cv2.GaussianBlur(small, (5, 5), 0)):
        edges |= cv2.Canny(channel, 40, 120)
    edges = cv2.dilate(edges, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    middles = boxes.mean(axis=1) * scale
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:5]:
        hull = cv2.convexHull(contour)
        four = cv2.approxPolyDP(hull, 0.02 * cv2.arcLength(hull, True), True)
        if len(four) != 4 or cv2.contourArea(four) < 0.2 * small.shape[0] * small.shape[1]:
            continue
        if all(cv2.pointPolygonTest(four, (float(x), float(y)), False) >= 0 for x, y in middles):
            return _clockwise(four.reshape(4, 2).astype(np.float32)) / scale
    return None


def _clockwise(corners: Any) -> Any:
    """From the upper left on."""
    import numpy as np

    total, apart = corners.sum(axis=1), corners[:, 1] - corners[:, 0]
    order = [total.argmin(), apart.argmin(), total.argmax(), apart.argmax()]
    return corners[order if len(set(order)) == 4 else [0, 1, 2, 3]].astype(np.float32)


def _onto_rectangle(corners: Any) -> tuple[Any, tuple[int, int]]:
    import cv2
    import numpy as np

    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    width, height = int(max(sides[0], sides[2])), int(max(sides[1], sides[3]))
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    return cv2.getPerspectiveTransform(corners, target), (width, height)


def _warped(picture: "Picture", boxes: "Boxes", matrix: Any, size: tuple[int, int]) -> tuple["Picture", "Boxes"]:
    import cv2
    import numpy as np

    border = cv2.BORDER_REPLICATE
    turned = cv2.warpPerspective(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border)
    moved = cv2.perspectiveTransform(boxes.reshape(1, -1, 2), np.asarray(matrix, np.float64)).reshape(-1, 4, 2)
    return np.asarray(turned, np.uint8), _in_order(np.asarray(moved, np.float32))


def _in_order(boxes: "Boxes") -> "Boxes":
    """Corners from the upper left on again, as the picture stands now."""
    import numpy as np

    ordered = []
    for box in boxes:
        middle = box.mean(axis=0)
        around = box[np.argsort(np.arctan2(box[:, 1] - middle[1], box[:, 0] - middle[0]))]
        ordered.append(around)  # from the upper left, clockwise, as angles grow downwards
    return np.array(ordered, np.float32)


def _crop(picture: "Picture", box: "Boxes") -> "Picture":
    """One line, cut out and level."""
    import cv2
    import numpy as np

    width = max(8, int(max(np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[2] - box[3]))))
    height = max(8, int(max(np.linalg.norm(box[3] - box[0]), np.linalg.norm(box[2] - box[1]))))
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(box.astype(np.float32), target)
    line = cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(line, np.uint8)
