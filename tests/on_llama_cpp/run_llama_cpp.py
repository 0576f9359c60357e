"""Print the greedy tokens of a GGUF file in llama.cpp: `run_llama_cpp.py FILE PROMPTS COUNT`, as JSON."""

import json
import sys

import xllamacpp


def main() -> None:
    """Answer each prompt, a list of tokens."""
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel = sys.argv[1], 256, 1
    server = xllamacpp.Server(params)
    answers = []
    for prompt in json.loads(sys.argv[2]):
        asked = {"prompt": prompt, "n_predict": int(sys.argv[3]), "temperature": 0, "logprobs": 1}
        made = server.handle_completions(asked)
        answers.append([each["id"] for each in made["choices"][0]["logprobs"]["content"]])
    sys.stdout.write(f"\n{json.dumps(answers)}\n")


if __name__ == "__main__":
    main()
