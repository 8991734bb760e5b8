"""The few lines that talk to `cosearch serve`: JSON over HTTP, standard library only. Lost connections are tried again, so a
server that is restarted meanwhile is only a pause."""
import json
import os
import time
import urllib.error
import urllib.request


class Refused(Exception):
    """The server's no: status and the document that says why."""

    def __init__(self, status, answer):
        super().__init__(f"HTTP {status}: {answer.get('error', answer)}")
        self.status, self.answer = status, answer


class Client:
    def __init__(self, url, token=os.environ.get("COSEARCH_TOKEN"), patience_seconds=60):
        self.url, self.patience = url.rstrip("/"), patience_seconds
        self.headers = {"Content-Type": "application/json", "X-Cosearch": "1"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def get(self, path):
        return self._send(path, None)

    def post(self, path, body):
        return self._send(path, json.dumps(body).encode())

    def _send(self, path, data):
        give_up = time.monotonic() + self.patience
        while True:
            request = urllib.request.Request(self.url + path, data, self.headers)
            try:
                with urllib.request.urlopen(request, timeout=90) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503) or time.monotonic() > give_up:
                    raise Refused(error.code, json.loads(error.read() or b"{}")) from None
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if time.monotonic() > give_up:
                    raise
            time.sleep(0.5)

    def create(self, study_id, **request):
        """The study of that id, made when it is not there yet."""
        try:
            return self.post("/api/studies", {"id": study_id, **request})
        except Refused as refusal:
            if refusal.status != 409:
                raise
            return self.get(f"/api/studies/{study_id}")
