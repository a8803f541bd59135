from __future__ import annotations

import gc
import tempfile

from tenfold.stages.training.unread import put_away, together_unread


def test_files_put_away_are_read_as_they_were_and_their_folder_goes_with_the_last_who_has_them(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files = {"a/model.txt": b"one", "b.npy": bytes(1000)}
    away = put_away(files)
    whole = together_unread([away, {"c": b"three"}])
    assert dict(whole) == {**files, "c": b"three"}
    del away
    gc.collect()
    assert dict(whole) == {**files, "c": b"three"}
    assert len(list(tmp_path.iterdir())) == 1
    del whole
    gc.collect()
    assert not list(tmp_path.iterdir())
