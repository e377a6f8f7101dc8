"""The peer's loop: a graph asks with `interrupt`, is resumed at once with an approval, and goes on.

Prints one line for each loop: its milliseconds. The checkpoints go to an SQLite file on disk, as the saver sets it up.
Runs in a virtual environment of its own with langgraph==1.2.22 and langgraph-checkpoint-sqlite==3.1.2.
"""

import sys
import time
from typing import TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt


class State(TypedDict):
    invoice: str
    amount: int
    approved: bool


def ask(state: State) -> dict:
    answer = interrupt({"tool": "pay_invoice", "invoice": state["invoice"], "amount": state["amount"]})
    return {"approved": answer}


def main(path: str, loops: int) -> None:
    with SqliteSaver.from_conn_string(path) as saver:
        builder = StateGraph(State)
        builder.add_node("ask", ask)
        builder.add_edge(START, "ask")
        builder.add_edge("ask", END)
        graph = builder.compile(checkpointer=saver)
        first = time.time_ns()
        for loop in range(loops + 20):
            config = {"configurable": {"thread_id": f"{first}-{loop}"}}
            began = time.perf_counter()
            graph.invoke({"invoice": "4711", "amount": loop, "approved": False}, config)
            done = graph.invoke(Command(resume=True), config)
            took = time.perf_counter() - began
            assert done["approved"] is True
            # The first loops load what all later ones share.
            if loop >= 20:
                print(f"{took * 1000:.4f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
