"""Parquet with images: which column, which key, what is missing or damaged."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyeward.annotate.item import Item
from eyeward.annotate.sources.fetching import AT_ONCE
from eyeward.annotate.sources.parquet import ParquetShard
from eyeward.errors import DataError, ErrorType, UsageError
from eyeward.images.fetch import Fetched, Fetcher, FetchRules
from eyeward.verdict import Failure
from tests.annotate.world import parquet, png


def items(file: Path, column: str | None = None, columns: bool = False) -> list[Item]:
    return list(ParquetShard("name", str(file), column).items(columns))


def kinds(found: list[Item]) -> list[ErrorType | str]:
    return [item.image.type if isinstance(item.image, Failure) else type(item.image).__name__ for item in found]


def test_rows_are_items_with_their_bytes_and_keys(tmp_path: Path) -> None:
    contents = [png(level) for level in range(12)]
    found = items(parquet(tmp_path / "a.parquet", contents, id=range(100, 112)))
    assert [(item.index, item.key, item.image) for item in found] == [
        (number, str(100 + number), content) for number, content in enumerate(contents)
    ]


def test_without_a_column_of_keys_the_path_is_the_key_and_without_it_the_number(tmp_path: Path) -> None:
    assert [item.key for item in items(parquet(tmp_path / "a.parquet", [png(1), png(2)]))] == ["0", "1"]
    table = pa.table({"image": [{"bytes": png(1), "path": "x/a.png"}]})
    pq.write_table(table, tmp_path / "b.parquet")
    assert [item.key for item in items(tmp_path / "b.parquet")] == ["x/a.png"]


def test_other_columns_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", [png(1)], key=["k"], caption=["a picture"])
    assert dict(items(file, columns=True)[0].columns) == {"key": "k", "caption": "a picture"}


def test_a_row_without_an_image_is_an_error(tmp_path: Path) -> None:
    found = items(parquet(tmp_path / "a.parquet", [png(1), None, png(3)]))
    assert kinds(found) == ["bytes", ErrorType.not_found, "bytes"]


@pytest.mark.parametrize("path", ["../secret.png", "/etc/secret.png", "a/../../b.png", "", "a\0.png"])
def test_a_path_that_leads_out_of_the_folder_is_not_followed(path: str, tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"image": [{"bytes": None, "path": path}, {"bytes": b"", "path": "x"}]}), tmp_path / "a.parquet"
    )
    assert kinds(items(tmp_path / "a.parquet"))[0] is ErrorType.not_found


def test_a_path_below_the_folder_is_followed(tmp_path: Path) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array([{"bytes": None, "path": "images/a.png"}], kind)})
    pq.write_table(table, tmp_path / "a.parquet")
    assert items(tmp_path / "a.parquet")[0].image == tmp_path / "images" / "a.png"


def test_plain_bytes_are_recognised_by_their_name_or_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"jpg": [png(1)], "depth": [png(2)]}), tmp_path / "a.parquet")
    assert items(tmp_path / "a.parquet")[0].image == png(1)
    assert items(tmp_path / "a.parquet", "depth")[0].image == png(2)


def test_a_column_that_is_not_there_or_not_clear_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="no column with images; it has a, b"):
        items(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="no column 'c'"):
        items(tmp_path / "a.parquet", "c")
    struct = [{"bytes": png(1), "path": "x"}]
    pq.write_table(pa.table({"left": struct, "right": struct}), tmp_path / "b.parquet")
    with pytest.raises(UsageError, match="several columns with images: left, right"):
        items(tmp_path / "b.parquet")


def test_a_damaged_row_group_costs_its_rows_which_are_errors(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", [png(level) for level in range(15)])
    column = pq.read_metadata(file).row_group(1).column(0)
    content = bytearray(file.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    file.write_bytes(content)
    found = items(file)
    assert [item.index for item in found] == list(range(15))
    assert kinds(found) == ["bytes"] * 5 + [ErrorType.unreadable] * 5 + ["bytes"] * 5


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet PAR1"])
def test_a_file_that_is_no_parquet_is_one_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    (only,) = items(tmp_path / "a.parquet")
    assert isinstance(only.image, Failure)
    assert only.image.type is ErrorType.unreadable


def test_a_file_that_cannot_be_opened_is_an_error_of_the_moment(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        items(tmp_path / "missing.parquet")


class FakeFetcher(Fetcher):
    """Gives what stands behind an address, the later ones sooner."""

    def __init__(self, behind: dict[str, bytes]) -> None:
        super().__init__(FetchRules())
        self._behind = behind
        self.under_way = self.most = self.asked = 0
        self._lock = threading.Lock()

    def fetch_now(self, url: str) -> Fetched | Failure:
        """Wait a little."""
        with self._lock:
            self.under_way += 1
            self.asked += 1
            self.most = max(self.most, self.under_way)
        time.sleep(0.001 * (50 - len(url)))
        with self._lock:
            self.under_way -= 1
        if url not in self._behind:
            return Failure(type=ErrorType.fetch_failed, message="Not there.")
        return Fetched(self._behind[url], url)


def test_addresses_are_fetched_several_at_once_and_come_in_order(tmp_path: Path) -> None:
    urls = [f"https://h/{'a' * number}" for number in range(40)]
    table = pa.table({"SAMPLE_ID": range(42), "URL": [*urls, "https://h/missing", None]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=5)
    fetcher = FakeFetcher({url: png(number) for number, url in enumerate(urls)})
    found = list(ParquetShard("name", str(tmp_path / "a.parquet"), fetcher=fetcher).items())
    assert [(item.index, item.key) for item in found] == [(number, str(number)) for number in range(42)]
    assert [item.image for item in found[:40]] == [png(number) for number in range(40)]
    assert kinds(found[40:]) == [ErrorType.fetch_failed, ErrorType.not_found]
    assert 1 < fetcher.most <= AT_ONCE


def test_of_a_sample_nothing_else_is_fetched(tmp_path: Path) -> None:
    urls = [f"https://h/{number}" for number in range(90)]
    pq.write_table(pa.table({"url": urls}), tmp_path / "a.parquet", row_group_size=20)
    fetcher = FakeFetcher({url: png(number) for number, url in enumerate(urls)})
    shard = ParquetShard("name", str(tmp_path / "a.parquet"), fetcher=fetcher)
    assert list(shard.keys()) == [str(number) for number in range(90)]
    assert fetcher.most == 0
    found = list(shard.items(only={3, 60}))
    assert [(item.index, item.image) for item in found] == [(3, png(3)), (60, png(60))]
    assert fetcher.asked == 2


def test_nothing_is_fetched_unless_hosts_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": ["https://example.org/a.png"]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match=r"holds addresses of images \(url\).*--fetch-host"):
        items(tmp_path / "a.parquet")
    shard = ParquetShard("name", str(tmp_path / "a.parquet"), fetcher=Fetcher(FetchRules()))
    assert kinds(list(shard.items())) == [ErrorType.fetch_refused]


def test_images_inside_are_preferred_to_addresses(tmp_path: Path) -> None:
    assert items(parquet(tmp_path / "a.parquet", [png(1)], url=["https://example.org/a.png"]))[0].image == png(1)


def test_what_datasets_notes_as_an_image_comes_before_what_only_looks_like_one(tmp_path: Path) -> None:
    text = {"dtype": "string", "_type": "Value"}
    features = {"sound": {"_type": "Audio"}, "photo": {"_type": "Image"}, "other": text}
    struct = {"bytes": b"sound", "path": "a.wav"}
    table = pa.table({"sound": [struct], "photo": [{"bytes": png(1), "path": "a.png"}], "other": ["x"]})
    noted = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(noted), tmp_path / "a.parquet")
    assert [item.image for item in items(tmp_path / "a.parquet")] == [png(1)]
    del features["photo"]
    only_sound = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.select(["sound", "other"]).replace_schema_metadata(only_sound), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="no column with images"):
        items(tmp_path / "b.parquet")


def test_text_that_is_none_costs_its_own_row_alone_and_that_only_where_it_is_needed(tmp_path: Path) -> None:
    ends = pa.py_buffer(b"".join(end.to_bytes(4, "little") for end in (0, 1, 3, 4)))
    broken = pa.Array.from_buffers(pa.string(), 3, [None, ends, pa.py_buffer(b"a\xff\xfeb")])
    images = [png(1), png(2), png(3)]
    pq.write_table(pa.table({"key": broken, "image": images}), tmp_path / "a.parquet")
    first, second, third = items(tmp_path / "a.parquet")
    assert kinds([second]) == [ErrorType.unreadable]
    assert [(item.key, item.image) for item in (first, third)] == [("a", png(1)), ("b", png(3))]
    pq.write_table(pa.table({"caption": broken, "image": images}), tmp_path / "b.parquet")
    found = items(tmp_path / "b.parquet", columns=True)
    assert [item.image for item in found] == images
    assert [item.columns["caption"] for item in found] == ["a", None, "b"]
