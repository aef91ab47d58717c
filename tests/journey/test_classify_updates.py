"""`classify` answers every row, whatever the service does about updates of a ticket."""

from pathlib import Path

import orjson

from tests.journey.test_classify import bench, ended


async def test_each_row_of_a_ticket_gets_its_label_though_the_service_passes_unchanged_ones_over(
    tmp_path: Path,
) -> None:
    rows = [orjson.dumps({"id": 1, "body": "The export stops", "revision": number}) for number in range(30)]
    async with bench(tmp_path, rows) as files:
        files.env = files.env | {"STREAM_CLASSIFIER_TICKET__ON_UPDATE": "skip_unchanged"}
        run = await ended(await files.start())
        assert run.status == 0
        assert len(files.out.read_bytes().splitlines()) == len(rows)
