"""Packs the Lambda function: the same files make the same archive, byte for byte."""

import pathlib
import sys
import zipfile

HERE = pathlib.Path(__file__).parent


def main() -> None:
    archive = pathlib.Path(sys.argv[1])
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in sorted((HERE / "lambda").glob("*.mjs")):
            # The oldest date that the format knows; readable for everybody, as AWS wants it.
            entry = zipfile.ZipInfo(file.name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, file.read_bytes())
    print(f"{archive}: upload it to AWS Lambda, handler index.handler, runtime nodejs22.x or later")
    print(f"Its settings stand in {HERE}/README.md, the skill's manifest in {HERE}/skill.json")


main()
