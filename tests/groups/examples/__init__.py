"""The example engines in other languages."""
