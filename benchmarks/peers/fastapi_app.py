"""FastAPI with Pydantic models, as its tutorial writes it: same work, typed body in, typed answer out."""

from __future__ import annotations

from fastapi import FastAPI

from benchmarks.peers.pydantic_loop import Answer, Request, compute

app = FastAPI()


@app.post("/api/v1/ai/customer_features")
async def customer_features(request: Request) -> Answer:
    return compute(request)
