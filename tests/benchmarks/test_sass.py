"""What is counted of a disassembly."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import sass

# As cuobjdump 13.1 prints it; the second line of an instruction is its other half.
TEXT = """\
	code for sm_90
		Function : _Z1aPf
	.headerflags	@"EF_CUDA_SM90 EF_CUDA_VIRTUAL_SM(EF_CUDA_SM90)"
        /*0000*/                   LDC R1, c[0x0][0x28] ;                /* 0x00000a00ff017b82 */
                                                                         /* 0x000fe20000000800 */
        /*0010*/                   LDG.E.128 R4, desc[UR4][R2.64] ;      /* 0x0000000402047981 */
        /*0020*/              @!P0 LDG.E.128.CONSTANT R8, desc[UR4][R2.64] ; /* 0x0 */
        /*0030*/               @P1 LDG.E R9, desc[UR4][R2.64] ;          /* 0x0 */
        /*0040*/                   LDG.E.U16 R9, desc[UR4][R2.64] ;      /* 0x0 */
        /*0050*/                   STS.64 [R5+0x10], R4 ;                /* 0x0 */
        /*0060*/                   LDSM.16.M88.4 R4, [R5] ;              /* 0x0 */
        /*0070*/                   HMMA.16816.F32.BF16 R4, R8, R6, R4 ;  /* 0x0 */
        /*0080*/                   HFMA2.MMA R4, -RZ, RZ, 0, 0 ;         /* 0x0 */
        /*0090*/                   LD.E R4, desc[UR4][R2.64] ;           /* 0x0 */
        /*00a0*/                   STL [R1+0x4], R4 ;                    /* 0x0 */
        /*00b0*/                   ATOMG.E.ADD.STRONG.GPU PT, R4, desc[UR4][R2.64], R5 ; /* 0x0 */
        /*10c0*/                   EXIT ;                                /* 0x0 */
		Function : _Z1bv
        /*0000*/                   EXIT ;                                /* 0x000000000000794d */
"""


def test_loads_and_stores_by_width():
    code, empty = sass.parse(TEXT)
    assert (code.kernel, len(code.opcodes)) == ("_Z1aPf", 13)
    assert code.widths("global load") == {16: 2, 4: 1, 2: 1}
    assert list(code.widths("global load")) == [16, 4, 2]  # the widest first
    assert code.widths("shared store") == {8: 1}
    assert code.widths("generic") == {4: 1}
    assert code.widths("local") == {4: 1}
    assert code.widths("atomic") == {4: 1}
    assert code.matrix == 1  # HFMA2.MMA is none
    assert empty.opcodes == ("EXIT",)
    assert sass.show(code.widths("global load")) == "16x2 4x1 2x1"
    assert sass.show(empty.widths("global load")) == "-"


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc")
def test_of_a_kernel_that_was_compiled(tmp_path):
    tool = sass.disassembler()
    if tool is None:
        pytest.skip("needs cuobjdump, of CUDA or of Triton")
    source, cubin = tmp_path / "copy.cu", tmp_path / "copy.cubin"
    source.write_text(
        "__global__ void wide(const float4* a, float4* b) { b[threadIdx.x] = a[threadIdx.x]; }\n"
        "__global__ void narrow(const char* a, char* b) { b[threadIdx.x] = a[threadIdx.x]; }\n"
    )
    subprocess.run(["nvcc", "-arch=sm_90", "-cubin", "-o", cubin, source], check=True)
    codes = sass.instructions([cubin], tool)
    wide = next(code for name, code in codes.items() if "wide" in name)
    narrow = next(code for name, code in codes.items() if "narrow" in name)
    assert (wide.widths("global load"), wide.widths("global store")) == ({16: 1}, {16: 1})
    assert (narrow.widths("global load"), narrow.widths("global store")) == ({1: 1}, {1: 1})
    with pytest.raises(RuntimeError, match=r"copy\.cu"):
        sass.instructions([source], tool)
