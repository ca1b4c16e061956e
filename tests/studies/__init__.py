"""Long studies, outside `make test`: what they found is in docs/studies."""
