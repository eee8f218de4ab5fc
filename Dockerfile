# The service in a container; the state is a volume. With a configuration of your own:
#   docker build -t pointsman .
#   docker run -v pointsman:/app/state -v ./my.yaml:/app/config.yaml:ro -e POINTSMAN_API_KEY -p 8000:8000 pointsman
#   docker run -v pointsman:/app/state ... pointsman update --batches all      any other command, on the same state
FROM python:3.11-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin pointsman

WORKDIR /app
COPY requirements.txt requirements-extras.txt ./
RUN pip install --no-cache-dir --no-compile --require-hashes -r requirements.txt -r requirements-extras.txt
# Compiled bytecode makes a cold start three times as fast. Some libraries ship files of other Pythons: those stay as is.
RUN python -m compileall -q /usr/local/lib/python3.11/site-packages || true

COPY . .
RUN python -m compileall -q . && install -d -o pointsman -g pointsman state

USER pointsman
ENV PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 MPLCONFIGDIR=/tmp/matplotlib
VOLUME /app/state
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["python", "run.py"]
CMD ["serve", "service.host=0.0.0.0", "service.access_log=stderr"]
