"""Second opinions: JAX on the fixtures, Intel's vector library, another reader of fonts."""
