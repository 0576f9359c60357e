"""Makes a trained model usable elsewhere: merged, as GGUF, in Ollama or on the Hugging Face Hub.

Input: the folder of a trained model. Output: a new folder or file, handed over only if it answers like the
trained model, and whole or not at all. Like training, it happens in a process of its own.
"""
